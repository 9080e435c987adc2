/** The restart of a v2 store that stays: what was read back of it before is read back once more. */
import { setTimeout as delay } from "node:timers/promises";
import { EtcdError } from "../../etcd/client/etcd-error";
import type { Check, Report } from "../../etcd/report/report";
import { MachineError } from "../../machine/machine-error";
import { extended } from "./members";
import { away, type OwnService } from "./restart";

export interface OwnRestartV2 extends OwnService {
  /** Proves the store again. Rejects with an `EtcdError` as long as nothing serves. */
  readonly again: () => Promise<Report>;
  /** Told what begins. */
  readonly tell: (line: string) => void;
}

/** etcd reads its whole v2 log before it serves. */
const SERVE_LIMIT_MS = 120_000;
const PAUSE_MS = 250;

/** The report with the check that the same v2 keys come back after the etcd was stopped and started once. */
export async function proveOwnRestartV2(report: Report, request: OwnRestartV2): Promise<Report> {
  const { tell, signal } = request;
  const began = Date.now();
  const check = {
    ...{ id: "life-own-restart", title: "The same after a restart", source: "file" },
    expected: "every check as before",
  };
  tell(`restart: ${check.title}`);
  let end: Pick<Check, "verdict" | "found" | "reason">;
  try {
    await away(0, request, () => Promise.resolve());
    const second = await onceServing(request);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    end = comparison(report, second, seconds);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EtcdError) && !(error instanceof MachineError)) throw error;
    end = { verdict: "fail", reason: error.message };
  }
  return extended(
    report,
    [{ ...check, ...end }],
    [{ name: "life", seconds: (Date.now() - began) / 1000 }],
  );
}

/** What fails now, or could be checked before and cannot any more. */
function comparison(
  first: Report,
  second: Report,
  seconds: string,
): Pick<Check, "verdict" | "found" | "reason"> {
  const before = new Map(first.checks.map(({ id, verdict }) => [id, verdict]));
  const worse = second.checks.filter(
    ({ id, verdict }) =>
      (verdict === "fail" || verdict === "not-checked") && before.get(id) !== verdict,
  );
  if (worse.length === 0) return { verdict: "pass", found: `all of them, in ${seconds} s` };
  const failed = worse.some(({ verdict }) => verdict === "fail");
  const reason = worse
    .map(({ title, reason: why = "" }) => (why === "" ? title : `${title}: ${why}`))
    .join("; ");
  return { verdict: failed ? "fail" : "not-checked", found: `${worse.length} not so`, reason };
}

async function onceServing({ again, signal }: OwnRestartV2): Promise<Report> {
  const until = Date.now() + SERVE_LIMIT_MS;
  for (;;) {
    try {
      return await again();
    } catch (error) {
      if (!(error instanceof EtcdError) || Date.now() > until) throw error;
    }
    await delay(PAUSE_MS, undefined, { signal });
  }
}
