/**
 * A report as an in-toto statement (github.com/in-toto/attestation, `spec/v1/statement.md`) with the predicate test-result
 * v0.1 (`spec/predicates/test-result.md`): which backup was tested, how, and what became of each check. The whole report is
 * in it, so that the envelope is all that has to be kept.
 */
import * as crypto from "node:crypto";
import * as z from "zod";
import { reportJson } from "../etcd/report/json";
import { parseReport } from "../etcd/report/parse";
import type { CheckVerdict, Report } from "../etcd/report/report";
import { EvidenceError } from "./envelope";

const STATEMENT = "https://in-toto.io/Statement/v1";
const PREDICATE = "https://in-toto.io/attestation/test-result/v0.1";

/** Where a drill stands in its history: the hash of its line, which nothing before it can be altered without changing. */
export interface HistoryHead {
  readonly drills: number;
  readonly head: string;
}

const digest = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT),
  subject: z.array(z.strictObject({ name: z.string(), digest })).min(1),
  predicateType: z.literal(PREDICATE),
  predicate: z.strictObject({
    result: z.enum(["PASSED", "WARNED", "FAILED"]),
    configuration: z.array(
      z.strictObject({ name: z.string(), mediaType: z.string(), content: z.string(), digest }),
    ),
    passedTests: z.array(z.string()),
    warnedTests: z.array(z.string()),
    failedTests: z.array(z.string()),
    report: z.unknown(),
    history: z.strictObject({ drills: z.int(), head: digest.shape.sha256 }).exactOptional(),
  }),
});
export type Statement = z.infer<typeof statementSchema>;

/** The statement of a report; the same report gives the same statement. */
export function statementOf(report: Report, history?: HistoryHead): Statement {
  const { snapshot, level, checks, verdict } = report;
  const text = reportJson(report);
  const named = (...wanted: readonly CheckVerdict[]): string[] =>
    checks.filter((check) => wanted.includes(check.verdict)).map(({ id }) => id);
  const warned = named("explained");
  const policy = JSON.stringify({
    level,
    checks: checks.map(({ id, expected }) => ({ id, expected })),
  });
  return {
    _type: STATEMENT,
    subject: [
      ...(snapshot.sha256 === ""
        ? []
        : [{ name: snapshot.file, digest: { sha256: snapshot.sha256 } }]),
      { name: "report.json", digest: { sha256: sha256Of(text) } },
    ],
    predicateType: PREDICATE,
    predicate: {
      result: verdict !== "pass" ? "FAILED" : warned.length > 0 ? "WARNED" : "PASSED",
      configuration: [
        {
          name: "policy",
          mediaType: "application/json",
          content: Buffer.from(policy).toString("base64"),
          digest: { sha256: sha256Of(policy) },
        },
      ],
      passedTests: named("pass"),
      warnedTests: warned,
      failedTests: named("fail", "not-checked"),
      report,
      ...(history === undefined ? {} : { history: { drills: history.drills, head: history.head } }),
    },
  };
}

/** What a statement says, once its signature holds. */
export interface Stated {
  readonly report: Report;
  readonly history?: HistoryHead | undefined;
}

/**
 * Reads a statement; everything in it must follow from the report in it.
 * @throws EvidenceError
 */
export function readStatement(content: unknown): Stated {
  const parsed = statementSchema.safeParse(content);
  if (!parsed.success) throw new EvidenceError("it holds no statement of a test result");
  const { predicate } = parsed.data;
  const report = parseReport(JSON.stringify(predicate.report), "the report in it");
  // The report as it stands there: with its fields in the order of which the digest is.
  const stated = statementOf(predicate.report as Report, predicate.history);
  if (JSON.stringify(stated) !== JSON.stringify(content)) {
    throw new EvidenceError("what it states does not follow from the report in it");
  }
  return { report, ...(predicate.history && { history: predicate.history }) };
}

function sha256Of(text: string): string {
  return crypto.createHash("sha256").update(text).digest("hex");
}
