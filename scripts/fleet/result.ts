/** What became of one backup of a list: the object that is kept of it, and the name by which it is found again. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { version } from "../../package.json";
import type { Check, Report } from "../../etcd/report/report";
import { visible } from "../../etcd/wire/visible";
import type { DrillSettings } from "../commands/drill/settings";
import { EXIT } from "../outcome";
import type { Entry } from "./list";
import { LEVELS, type Level } from "./words";

/**
 * - `pass`: it was restored, and what came back is what was saved.
 * - `restorable`: it was read whole and nothing speaks against it; no etcd was started.
 * - `fail`, `incomplete`: as a report says it.
 */
export const VERDICTS = ["pass", "restorable", "fail", "incomplete"] as const;
export type FleetVerdict = (typeof VERDICTS)[number];

const number = z.number().nonnegative();

/** The form of a result. Reports are kept as they are: who reads one reads it with the report's own reader. */
export const resultSchema = z.object({
  schemaVersion: z.literal(1),
  tool: z.string(),
  name: z.string(),
  /** What the list says of it, as it may be shown. */
  source: z.string(),
  /** Of all that decides what is done with it. */
  policy: z.string(),
  level: z.enum(LEVELS),
  verdict: z.enum(VERDICTS),
  exitCode: z.int().min(0).max(3),
  /** In one line, where it is not good. */
  reason: z.string().optional(),
  /** The checks that failed, by id. */
  failed: z.array(z.string()),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  seconds: number,
  phases: z.array(z.object({ name: z.string(), seconds: number })),
  /** Which object it was, as its store tells: of another content another one. */
  object: z
    .object({ name: z.string(), bytes: number.optional(), identity: z.string().optional() })
    .optional(),
  backup: z
    .object({
      sha256: z.string(),
      bytes: number,
      keys: number,
      revision: number,
      hashKv: number,
      etcdVersion: z.string(),
    })
    .optional(),
  /** When the backup was taken. */
  takenAt: z.iso.datetime().optional(),
  report: z.custom<Report>((given) => typeof given === "object" && given !== null).optional(),
});
export type Result = Readonly<z.infer<typeof resultSchema>>;

/** The same without the report in it. */
export const shortResultSchema = resultSchema.omit({ report: true });

/** What a run asks of every backup of its list, where the list does not say otherwise. */
export interface Policy extends Pick<DrillSettings, "target" | "config"> {
  readonly level: Level;
  readonly maxAge?: number | undefined;
  readonly budget?: Readonly<Record<string, number>> | undefined;
}

/** Settings whose values stay out of everything, also out of a hash that is kept. */
const SECRET = /password|encryptionConfig|username/i;

/** Names what is done with an entry: of another demand another name. */
export function policyOf(entry: Entry, asked: Policy): string {
  const { name, source, expectedCluster, level, budget, maxAge } = entry;
  const config = Object.entries(asked.config)
    .map(([key, value]) => (SECRET.test(key) ? [key] : [key, value]))
    .sort();
  const demand = [
    ...[name, source, expectedCluster ?? null, level ?? asked.level],
    ...[{ ...asked.budget, ...budget }, maxAge ?? asked.maxAge ?? null, asked.target, config],
  ];
  return createHash("sha256").update(JSON.stringify(demand)).digest("hex").slice(0, 12);
}

/** What the names of all results of an entry end in, by this version of the program. */
export function endingOf(policy: string): string {
  return `.${policy}.${version}.json`;
}

/**
 * Name of a result: by the backup's SHA-256, the policy (the entry's name is part of it) and the version. Two runs of the same
 * give it the same name, and two entries never do.
 */
export function fileNameOf({ name, policy, backup, object }: Result): string {
  const readable = name.replace(/[^A-Za-z0-9-]/g, "_").slice(0, 80);
  return `${readable}.${contentOf(backup?.sha256, object?.identity)}${endingOf(policy)}`;
}

/** A backup that could not be read has no hash; then it is told apart by what its store says. */
function contentOf(sha256: string | undefined, identity: string | undefined): string {
  if (sha256 !== undefined) return sha256.slice(0, 16);
  if (identity === undefined) return "unread";
  return `unread-${createHash("sha256").update(identity).digest("hex").slice(0, 9)}`;
}

/** @throws Error when it is no result */
export function parseResult(text: string): Result {
  return resultSchema.parse(JSON.parse(text));
}

/** Why a report is not good, in one line; undefined where it is. */
export function reasonOf({ verdict, checks, ended }: Report): string | undefined {
  if (verdict === "pass") return undefined;
  return ended === undefined ? reasonOfChecks(checks) : visible(ended.reason);
}

/** The first check that failed, or else could not be made. */
export function reasonOfChecks(checks: readonly Check[]): string {
  const wrong = checks.filter((check) => check.verdict === "fail");
  const told = wrong.length > 0 ? wrong : checks.filter((check) => check.verdict === "not-checked");
  const [first] = told;
  if (first === undefined) return "no check says why";
  const { title, expected, found, reason } = first;
  const what =
    first.verdict === "fail"
      ? `expected ${expected ?? "(not said)"}, found ${found ?? "(not said)"}`
      : `not checked: ${reason ?? "no reason given"}`;
  const more = told.length === 1 ? "" : ` (and ${told.length - 1} more)`;
  return visible(`${title}: ${what}${more}`);
}

/** How a run over many ends: what may pass at the next try comes first, then what will not. */
export function worstOf(exitCodes: readonly number[]): number {
  const order = [EXIT.environment, EXIT.checkFailed, EXIT.usage];
  return order.find((code) => exitCodes.includes(code)) ?? EXIT.good;
}
