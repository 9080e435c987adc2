/** The outputs of a stack, wherever it is kept; a name that is no stack is refused with those that are. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { EngineName } from "../engine/choose";
import { findPulumiCli } from "../engine/pulumi-cli/find-cli";
import { EXIT, UserError } from "./outcome";
import { labDirectory, LOCAL_STACK, PROJECT_DIR, stackFile, typed } from "./project";
import { chooseEngine } from "../engine/choose";
import { CliError, cliRunner } from "../engine/pulumi-cli/cli-process";

/** The flags that say which stack, and how it is read. */
export interface StackOptions {
  /** @default the stack on this computer, `local` */
  readonly stack?: string;
  readonly engine: EngineName;
  /** Settings over those of the stack's file, by full name. */
  readonly config: Readonly<Record<string, string>>;
}

/** Outputs by name, secrets in clear: never to be printed as a whole. */
export type Outputs = Readonly<Record<string, unknown>>;

/**
 * The outputs of a stack's last `up`: of the embedded engine's state, of the backend that `npm start` keeps for the
 * Pulumi CLI, or of the backend that the user's own `pulumi` is logged in to.
 * @throws UserError (wrong use) when there is no such stack, with those that there are
 */
export async function stackOutputs(options: StackOptions, signal: AbortSignal): Promise<Outputs> {
  const { stack = LOCAL_STACK, engine, config } = options;
  const folder = path.join(labDirectory(stack, config), "stack");
  if (!isStackName(stack)) {
    throw new UserError(
      EXIT.usage,
      `${JSON.stringify(stack)} cannot be a stack's name: letters, digits, hyphens, underscores and dots`,
    );
  }
  const unused = Object.keys(config).filter((key) => key !== "etcd-restore:labDirectory");
  if (unused.length > 0) {
    throw new UserError(
      EXIT.usage,
      `${unused.join(", ")} changes nothing here: of the settings only labDirectory says where a stack is kept`,
    );
  }
  const cli = engine === "embedded" ? undefined : findPulumiCli();
  if (engine === "pulumi" && cli === undefined) {
    throw new UserError(
      EXIT.environment,
      "there is no Pulumi CLI on PATH, and --engine pulumi needs it",
    );
  }
  const kept = {
    embedded: engine !== "pulumi" && fs.existsSync(path.join(folder, `${stack}.state.json`)),
    pulumi: engine !== "embedded" && fs.existsSync(path.join(folder, `${stack}.pulumi`)),
  };
  for (const name of ["pulumi", "embedded"] as const) {
    if (!kept[name]) continue;
    const outputs = await outputsOf(name, stack, folder, signal);
    if (Object.keys(outputs).length > 0) return outputs;
  }
  const own = cli === undefined ? undefined : await ownOutputs(cli, stack, signal);
  if (own !== undefined && Object.keys(own).length > 0) return own;
  throw await noSuchStack(stack, folder, cli, signal);
}

/** A stack's name may stand for an organization's and project's as well: `org/project/stack`. */
function isStackName(text: string): boolean {
  return text
    .split("/")
    .every((part) => /^[A-Za-z0-9_.-]{1,100}$/.test(part) && !/^\.+$/.test(part));
}

async function outputsOf(
  name: "pulumi" | "embedded",
  stack: string,
  folder: string,
  signal: AbortSignal,
): Promise<Outputs> {
  const engine = chooseEngine(name, {
    ...{ projectDir: PROJECT_DIR, stack, stackFile: stackFile(stack) },
    ...{ workDir: folder, progress: "none", signal },
  });
  const outputs = Object.entries(await engine.outputs());
  return Object.fromEntries(outputs.map(([key, { value }]) => [key, value]));
}

/** What the user's own `pulumi` says; undefined when it knows no such stack. */
async function ownOutputs(
  cli: string,
  stack: string,
  signal: AbortSignal,
): Promise<Outputs | undefined> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const env = { PULUMI_SKIP_UPDATE_CHECK: "true" };
  try {
    const { stdout } = await cliRunner(cli).run(
      args,
      PROJECT_DIR,
      env,
      undefined,
      undefined,
      signal,
    );
    const outputs: unknown = JSON.parse(stdout);
    return typeof outputs === "object" && outputs !== null ? { ...outputs } : undefined;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.isNoStack || isNotLoggedIn(error)) return undefined;
    throw new UserError(EXIT.environment, `stack ${stack}: ${error.message}`);
  }
}

/** Whoever has never logged in has no stack there. */
function isNotLoggedIn({ result }: { readonly result: { readonly stderr: string } }): boolean {
  return /PULUMI_ACCESS_TOKEN must be set|not logged in|could not get current user/i.test(
    result.stderr,
  );
}

async function noSuchStack(
  stack: string,
  folder: string,
  cli: string | undefined,
  signal: AbortSignal,
): Promise<UserError> {
  const names = new Set([
    ...stacksIn(folder),
    ...(cli === undefined ? [] : await ownStacks(cli, signal)),
  ]);
  names.delete(stack);
  const up = names.size === 0 ? "no stack is up" : `up are: ${[...names].sort().join(", ")}`;
  const make =
    stack === LOCAL_STACK
      ? `${typed("start")} makes it`
      : fs.existsSync(stackFile(stack))
        ? `it has settings, and \`pulumi up -s ${stack}\` makes it`
        : `and there is no ${path.basename(stackFile(stack))}`;
  return new UserError(EXIT.usage, `stack ${stack} is not up (${make}); ${up}`);
}

function stacksIn(folder: string): readonly string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .flatMap((name) => /^(.+)\.(?:state\.json|pulumi)$/.exec(name)?.[1] ?? []);
}

async function ownStacks(cli: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const args = ["stack", "ls", "--json"];
    const env = { PULUMI_SKIP_UPDATE_CHECK: "true" };
    const { stdout } = await cliRunner(cli).run(
      args,
      PROJECT_DIR,
      env,
      undefined,
      undefined,
      signal,
    );
    const list: unknown = JSON.parse(stdout);
    return Array.isArray(list)
      ? list.flatMap((item: unknown) =>
          typeof item === "object" && item !== null && "name" in item ? [String(item.name)] : [],
        )
      : [];
  } catch {
    return []; // not logged in: it has none to offer
  }
}
