/** Options that were typed and that nothing would read: a wish that would not come true is wrong use. */
import type { Command } from "commander";
import { EXIT, UserError } from "./outcome";

/** Attributes of the flags that name a stack, or what a running etcd's TLS and authentication need. */
export const STACK_FLAGS = ["stack", "engine", "config"] as const;
const MEMBER_FLAGS = ["cacert", "cert", "key", "user", "passwordFile", "passwordStdin"] as const;
export const ENDPOINT_FLAGS = ["endpoint", ...STACK_FLAGS, ...MEMBER_FLAGS] as const;
/** Of the flags that name a pod of a cluster. */
export const POD_FLAGS = ["context", "namespace", "only", "helperImage"] as const;

/**
 * Refuses those of some options that were typed; what comes from the environment is for whoever needs it.
 * @param attributes names as commander gives them: `helperImage` for `--helper-image`
 * @param reason what it is about, and why it is of no use here
 * @throws UserError (wrong use) naming all of them
 */
export function refuseUnused(
  command: Command,
  attributes: readonly string[],
  reason: string,
): void {
  const typed = command.options
    .filter((option) => attributes.includes(option.attributeName()))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .map(({ long, short }) => long ?? short ?? "");
  if (typed.length === 0) return;
  throw new UserError(EXIT.usage, `${typed.join(", ")}: nothing here would read it; ${reason}`);
}

/** Refuses what would be of no use to `ls` and `get` in the place where they are to look. */
export function refuseElsewhere(
  command: Command,
  {
    file,
    endpoint,
    kubernetes,
  }: Readonly<Partial<Record<"file" | "endpoint" | "kubernetes", unknown>>>,
): void {
  if (kubernetes !== true) {
    refuseUnused(command, POD_FLAGS, "it is about the pods of a cluster: give --kubernetes, too");
  }
  if (file !== undefined) {
    // Two places at once are refused by who opens them, which says which.
    const place = ["endpoint", "stack"];
    refuseUnused(
      command,
      ENDPOINT_FLAGS.filter((name) => !place.includes(name)),
      "it is about a running etcd, and a backup is read here",
    );
  } else if (kubernetes === true) {
    refuseUnused(
      command,
      ["engine", "config", "user", "passwordFile", "passwordStdin"],
      "the etcd of a pod is asked, with the client's certificate",
    );
  } else if (endpoint !== undefined) refuseStackFlags(command);
}

/** Refuses what is about a stack, where an endpoint is named by its URL. */
export function refuseStackFlags(command: Command): void {
  refuseUnused(command, ["engine", "config"], "it is about a stack, and --endpoint names the etcd");
}
