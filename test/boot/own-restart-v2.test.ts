/** The restart of a v2 store that stays, with a service that only notes what it is told: what comes back decides. */
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, it } from "vitest";
import { proveOwnRestartV2 } from "../../boot/own/restart-v2";
import { EtcdError } from "../../etcd/client/etcd-error";
import type { Check, Report } from "../../etcd/report/report";
import { temporaryDirectory } from "../support/temporary";

function reportOf(...checks: readonly Pick<Check, "id" | "verdict" | "reason">[]): Report {
  return {
    ...{ schemaVersion: 1, tool: "test", verdict: "pass", level: "full", phases: [], seconds: 0 },
    startedAt: new Date().toISOString(),
    checks: checks.map((check) => ({ title: check.id, ...check })),
    differences: { total: 0, byPrefix: [], keys: [] },
  } as unknown as Report;
}

const GOOD = reportOf(
  { id: "v2-read-back", verdict: "pass" },
  { id: "v2-ttl", verdict: "not-checked" },
);

/** Restarts a service that writes down what it is told, and proves again with these answers, one after the other. */
async function restarted(...answers: readonly (Report | Error)[]) {
  const noted = path.join(await temporaryDirectory(), "noted");
  const left = [...answers];
  const proved = await proveOwnRestartV2(GOOD, {
    ...{ services: [`f() { echo "$1" >> '${noted}'; }; f`], routes: [undefined] },
    ...{ signal: new AbortController().signal, tell: () => undefined },
    again() {
      const next = left.shift();
      return next instanceof Error || next === undefined
        ? Promise.reject(next ?? new Error("asked once too often"))
        : Promise.resolve(next);
    },
  });
  return { proved, check: proved.checks.at(-1), told: fs.readFileSync(noted, "utf8") };
}

it("passes when all is as before, and waits until the store serves", async () => {
  const refused = new EtcdError("unreachable", "nothing answers");
  const { proved, check, told } = await restarted(refused, refused, GOOD);
  expect(told).toBe("stop\nstart\n");
  expect(check).toMatchObject({ id: "life-own-restart", verdict: "pass" });
  expect(check?.found).toMatch(/^all of them, in \d+\.\d s$/);
  expect(proved.phases.at(-1)).toMatchObject({ name: "life" });
});

it("fails when a key does not come back, and leaves open what cannot be asked any more", async () => {
  const lost = reportOf({ id: "v2-read-back", verdict: "fail", reason: "1 key is missing" });
  expect((await restarted(lost)).check).toMatchObject({
    ...{ verdict: "fail", reason: "v2-read-back: 1 key is missing" },
  });
  const unasked = reportOf({ id: "v2-read-back", verdict: "not-checked" });
  const { check, proved } = await restarted(unasked);
  expect(check).toMatchObject({ verdict: "not-checked", reason: "v2-read-back" });
  expect(proved.verdict).toBe("incomplete");
});
