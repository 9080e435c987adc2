/**
 * A drill that is ended at any phase of it: SIGINT and SIGTERM clean up by themselves, and what SIGKILL leaves `sweep`
 * finds and removes, and nothing of the drills beside it. One signal for each phase here; `ETCD_RESTORE_TIMES=5` tries
 * each signal at each phase five times, each time a little later, and prints what came of them.
 */
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDrills, tell, TIMES, type Drills } from "../support/drills";
import { isListening, waitUntil } from "../support/lab";

const ROUNDS = TIMES ?? 1;
/** So many drills at a time. */
const AT_ONCE = 4;
const LIMIT_MS = 600_000;
/** How much later each round's signal comes. */
const LATER_MS = 150;

/** The phases of a drill on this computer, and what it says when it is at one. */
const MOMENTS = [
  ["fetch", undefined],
  ["preflight", "Drill drill-"],
  ["provision", "pki-certificates: creating"],
  ["install", "etcd-installation: creating"],
  ["copy", "restore: checking"],
  ["restore", "restore: restoring with"],
  ["proof", "restore: proving"],
  ["start", "restore: starting etcd"],
  ["verify", "verification-proof: creating"],
  ["report", "verification-proof: created"],
  ["destroy", "verification-proof: deleting"],
  ["last", "etcd-installation: deleted"],
] as const;
type Moment = (typeof MOMENTS)[number];

const SIGNALS = ["SIGINT", "SIGTERM", "SIGKILL"] as const;

let drills: Drills;
let slow: SlowStore;
beforeAll(async () => {
  drills = openDrills();
  slow = await openSlowStore(fs.readFileSync(drills.good));
});
afterAll(async () => {
  drills.close();
  await slow.close();
});

/** The moments of one signal: all of them, or in an ordinary run every third. */
function momentsOf(signal: (typeof SIGNALS)[number]): readonly (readonly Moment[])[] {
  const at = SIGNALS.indexOf(signal);
  const meant = MOMENTS.filter((_, i) => TIMES !== undefined || i % SIGNALS.length === at);
  return Array.from({ length: Math.ceil(meant.length / AT_ONCE) }, (_, i) =>
    meant.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  );
}

/** Begins a drill and sends it a signal when it is at a moment. */
async function endedAt([phase, words]: Moment, signal: NodeJS.Signals, round: number) {
  const link = phase === "fetch" ? slow.link() : undefined;
  const run = drills.begin("drill", link?.url ?? drills.good);
  await (link?.isHalfWay ?? run.said(words ?? ""));
  await sleep(round * LATER_MS);
  run.process.kill(signal);
  const ended = await run.ended;
  return { ...ended, phase, report: run.report(), name: run.name() };
}

describe.each(["SIGINT", "SIGTERM"] as const)("%s", (signal) => {
  const code = signal === "SIGINT" ? 130 : 143;
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  test.each(rounds)(
    "at any phase: it cleans up by itself, says what it was at, and leaves nothing (round %i)",
    async (round) => {
      for (const moments of momentsOf(signal)) {
        const all = await Promise.all(moments.map((each) => endedAt(each, signal, round)));
        for (const ended of all) {
          // At the very end it may have come to it before the signal did; and Node, once it has said "exit", listens to
          // none any more, which then ends it.
          const isLate = ["destroy", "last"].includes(ended.phase);
          const isLater = ended.phase === "report" && round > 0;
          const codes = isLate || isLater ? [code, 0, null] : [code];
          expect(codes, `${ended.phase}\n${ended.stderr}`).toContain(ended.code);
          expect(ended.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
          expect(ended.report).toMatchObject({ stack: ended.name });
          // Proved is proved, whoever ends the taking away.
          const isProved = ["report", "destroy", "last"].includes(ended.phase);
          if (isProved || ended.report?.verdict === "pass") {
            expect(ended.report?.verdict, ended.phase).toBe("pass");
          } else {
            expect(ended.report).toMatchObject({ verdict: "incomplete" });
            expect(ended.report?.ended?.reason).toMatch(/interrupted/);
          }
        }
        expect(drills.left()).toEqual([]);
      }
      tell(`${signal}, round ${round}`, { ended: momentsOf(signal).flat().length, left: 0 });
    },
    LIMIT_MS,
  );
});

describe("SIGKILL", () => {
  let keptPort: number;
  let keptName: string;
  beforeAll(async () => {
    const kept = drills.begin("drill", drills.good, "--level", "quick", "--keep", "12h");
    const { code, stderr } = await kept.ended;
    expect(code, stderr).toBe(0);
    keptName = kept.name();
    keptPort = Number(/:(\d+)$/.exec(kept.report()?.restored.endpoint ?? "")?.[1]);
  }, LIMIT_MS);

  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  test.each(rounds)(
    "at any phase: sweep finds all that is left, removes it, and touches nothing of a drill beside it (round %i)",
    async (round) => {
      for (const moments of momentsOf("SIGKILL")) {
        const killed = await Promise.all(moments.map((each) => endedAt(each, "SIGKILL", round)));
        for (const { report, phase } of killed) expect(report, phase).toBeDefined();
        const link = slow.link();
        const beside = drills.begin("drill", link.url, "--level", "quick");
        await link.isHalfWay;
        // A signal that comes later may find the drill's folder gone, or the drill at its end.
        const left = killed.filter(({ name }) => fs.existsSync(path.join(drills.home, name)));
        if (round === 0) expect(left).toEqual(killed);
        const expected = new Map([
          ...left.map(({ name }) => [name, "left: removed"] as const),
          [keptName, "kept: left alone"],
          [beside.name(), "running: left alone"],
        ]);
        const dry = await swept("--dry-run");
        expect([...dry.keys()].sort()).toEqual([...expected.keys()].sort());
        expect(await swept()).toEqual(expected);
        link.goOn();
        const ended = await beside.ended;
        expect(ended.code, ended.stderr).toBe(0);
        expect(await isListening(keptPort)).toBe(true);
        const others = () => drills.left().filter((each) => !each.includes(keptName));
        expect(others()).toEqual([]);
      }
      tell(`SIGKILL, round ${round}`, { killed: momentsOf("SIGKILL").flat().length, left: 0 });
    },
    LIMIT_MS,
  );

  test(
    "sweep takes away what was kept, when it is named",
    async () => {
      expect(await swept(keptName)).toEqual(new Map([[keptName, "kept: removed"]]));
      await waitUntil(async () => !(await isListening(keptPort)), "its etcd has ended");
      expect(drills.left()).toEqual([]);
    },
    LIMIT_MS,
  );
});

/** What `sweep` says of each drill. */
async function swept(...flags: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { code, stdout, stderr } = await drills.begin("sweep", ...flags, "--json").ended;
  expect(code, stderr).toBe(0);
  const { drills: rows } = JSON.parse(stdout) as {
    drills: { name: string; state: string; action: string }[];
  };
  return new Map(rows.map(({ name, state, action }) => [name, `${state}: ${action}`]));
}

interface SlowStore {
  /** A link of its own to the backup; the second half comes when it is told to go on. */
  link(): { readonly url: string; readonly isHalfWay: Promise<void>; readonly goOn: () => void };
  close(): Promise<void>;
}

/** A server that stops in the middle of what it gives. */
async function openSlowStore(bytes: Buffer): Promise<SlowStore> {
  const links: { readonly halfWay: () => void; readonly wentOn: Promise<void> }[] = [];
  const server: Server = createServer((request, response) => {
    const link = links[Number(/^\/(\d+)/.exec(request.url ?? "")?.[1])];
    const half = Math.floor(bytes.length / 2);
    response.writeHead(200, { "content-length": bytes.length, etag: '"one"' });
    response.write(bytes.subarray(0, half), () => link?.halfWay());
    void link?.wentOn.then(() => response.end(bytes.subarray(half)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    link() {
      const url = `http://127.0.0.1:${port}/${links.length}/etcd.db`;
      const halfWay = openPromise();
      const wentOn = openPromise();
      links.push({ halfWay: halfWay.resolve, wentOn: wentOn.promise });
      return { url, isHalfWay: halfWay.promise, goOn: wentOn.resolve };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function openPromise(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
