/**
 * The restores of three members in step, with real etcds: all serve the backup or each what it had before, whatever
 * fails or is killed. Not proved here: members on machines (test/acceptance/machine).
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePki } from "../../../machine/pki/pki";
import { ensureEtcd } from "../../../machine/programs/programs";
import { restoreInStep, runOf } from "../../../machine/restore/in-step";
import {
  eventually,
  freePort,
  makeFolder,
  makeLab,
  processesIn,
  removeFolder,
  unpackSamples,
} from "../lab";
import { killIfThere } from "../../support/lab";
import type { Lab, Sample } from "../lab";

const NAMES = ["one", "two", "three"] as const;
let folder: string;
let labs: readonly Lab[];
let samples: { readonly main: Sample; readonly events: Sample };

beforeAll(async () => {
  const { etcd } = await ensureEtcd("3.6");
  folder = makeFolder();
  samples = unpackSamples(folder);
  labs = await makeCluster(path.dirname(etcd), folder);
}, 900_000);

afterAll(() => {
  removeFolder(folder);
});

async function makeCluster(programs: string, parent: string): Promise<readonly Lab[]> {
  const pki = await makePki({ addresses: [], dnsNames: [] });
  const members = await Promise.all(
    NAMES.map(async (name) => ({
      ...{ name, peerAddress: "127.0.0.1", peerPort: await freePort() },
    })),
  );
  return Promise.all(
    NAMES.map((name) => {
      const own = path.join(parent, name);
      fs.mkdirSync(own);
      return makeLab(own, { programs, pki, among: { name, members } });
    }),
  );
}

interface Watched {
  /** More flags for the restore of a member. */
  readonly flags?: (name: string) => readonly string[];
  /** Told each time when a member has said more, with all that it has said. */
  readonly onSaid?: (name: string, said: string) => void;
  readonly signal?: AbortSignal;
}

async function restore(sample: Sample, watched: Watched = {}, among: readonly Lab[] = labs) {
  const { flags = () => [], onSaid, signal = new AbortController().signal } = watched;
  const said: Record<string, string> = {};
  const members = among.map((lab) => ({
    name: lab.name,
    begin() {
      // Three etcds, each with a proof before it, wait for each other: a limit that only a hang reaches.
      const inStep = ["--in-step", "yes", "--wait-seconds", "90"];
      const [command, ...args] = lab.restoreArgv(sample, ...inStep, ...flags(lab.name));
      const child = spawn(command, args);
      child.stderr.on("data", (text: Buffer) => {
        said[lab.name] = `${said[lab.name] ?? ""}${text.toString()}`;
        onSaid?.(lab.name, said[lab.name] ?? "");
      });
      return Promise.resolve(runOf(child));
    },
    bringSnapshot: () => Promise.resolve(),
  }));
  try {
    return await restoreInStep(members, signal);
  } catch (error) {
    throw Object.assign(error instanceof Error ? error : new Error(String(error)), { said });
  }
}

const tokens = (among: readonly Lab[] = labs) => new Set(among.map((lab) => lab.token()));
const pids = () => labs.map((lab) => lab.pid());

/** All members serve this and know each other and nobody else, and nothing half done is left. */
function expectServed(sample: Sample, among: readonly Lab[] = labs): void {
  for (const lab of among) expect(lab.hashKv(sample.revision)).toBe(sample.hashKv);
  const listed = among[0]?.etcdctl("member", "list") ?? "";
  expect(listed.match(/, started, (\w+),/g)).toHaveLength(among.length);
  expect(tokens(among).size).toBe(1);
  for (const lab of among) {
    expect(fs.existsSync(`${lab.data}.restore-staging`)).toBe(false);
    expect(fs.existsSync(`${lab.data}.restore-journal`)).toBe(false);
  }
}

describe("the restores of a cluster's members in step", () => {
  it("make one new cluster out of one backup, and leave it alone the next time", async () => {
    const results = await restore(samples.main);
    expect(results.map(({ restored }) => restored)).toEqual([true, true, true]);
    expectServed(samples.main);
    const before = { pids: pids(), tokens: tokens() };
    const again = await restore(samples.main);
    expect(again.map(({ restored }) => restored)).toEqual([false, false, false]);
    expect({ pids: pids(), tokens: tokens() }).toEqual(before);
  }, 120_000);

  it("start a member that was killed, and it is the one that it was", async () => {
    const before = { pids: pids(), tokens: tokens() };
    process.kill(before.pids[1] ?? 0, "SIGKILL");
    await eventually("it has ended", () => labs[1]?.pid() === undefined);
    await restore(samples.main);
    expectServed(samples.main);
    expect(tokens()).toEqual(before.tokens);
    expect([pids()[0], pids()[2]]).toEqual([before.pids[0], before.pids[2]]);
  }, 120_000);

  it("restore all anew when one has lost its data, for it would vote a second time", async () => {
    const before = tokens();
    await labs[2]?.control("stop");
    fs.rmSync(labs[2]?.data ?? "", { recursive: true });
    const results = await restore(samples.main);
    expect(results.map(({ restored }) => restored)).toEqual([true, true, true]);
    expectServed(samples.main);
    expect(tokens()).not.toEqual(before);
  }, 120_000);

  it("restore all anew when what they have does not come up", async () => {
    const before = tokens();
    for (const lab of labs.slice(0, 2)) {
      await lab.control("stop");
      for (const file of fs.readdirSync(path.join(lab.data, "member", "wal"))) {
        fs.writeFileSync(path.join(lab.data, "member", "wal", file), "no log of etcd");
      }
    }
    // The third one waits for the two until its time is up.
    await restore(samples.main, { flags: () => ["--wait-seconds", "20"] });
    expectServed(samples.main);
    expect(tokens()).not.toEqual(before);
  }, 180_000);

  it("swap nothing when one member does not hold what the file holds", async () => {
    const before = { pids: pids(), tokens: tokens() };
    const flags = (name: string) => (name === "two" ? ["--hashkv", "1"] : []);
    await expect(restore(samples.events, { flags })).rejects.toMatchObject({
      exitCode: 1,
      message: "member two could not be restored; every member has what it had before",
    });
    expect({ pids: pids(), tokens: tokens() }).toEqual(before);
    expectServed(samples.main);
  }, 120_000);

  it("put all back when they are given up after the swap", async () => {
    const before = tokens();
    const given = new AbortController();
    const onSaid = (_name: string, said: string) => {
      if (said.includes("restore: starting etcd")) given.abort();
    };
    await expect(restore(samples.events, { onSaid, signal: given.signal })).rejects.toThrow();
    await eventually("all are back", () => labs.every((lab) => lab.pid() !== undefined));
    await eventually("they serve", () => serves(samples.main), 20_000);
    expectServed(samples.main);
    expect(tokens()).toEqual(before);
  }, 120_000);

  it("stop one after another, and none is changed before all are stopped", async () => {
    const order: string[] = [];
    const onSaid = (name: string, said: string) => {
      for (const moment of ["stopping etcd", "stopped (it was", "moving what was restored"]) {
        const line = `${name}: ${moment}`;
        if (said.includes(moment) && !order.includes(line)) order.push(line);
      }
    };
    await restore(samples.events, { onSaid });
    expectServed(samples.events);
    const stops = NAMES.flatMap((name) => [`${name}: stopping etcd`, `${name}: stopped (it was`]);
    expect(order.slice(0, 6)).toEqual(stops);
    expect(order).toHaveLength(9);
  });

  it.each([
    "checking",
    "restoring with",
    "proving revision",
    "stopping etcd",
    "moving what was restored",
    "starting etcd",
  ])(
    "end well the next time, when all of one was killed as it said: %s",
    async (moment) => {
      const [from, to] = serves(samples.main)
        ? [samples.main, samples.events]
        : [samples.events, samples.main];
      let killed = false;
      const onSaid = (name: string, said: string) => {
        if (name !== "two" || killed || !said.includes(`restore: ${moment}`)) return;
        killed = true;
        for (const pid of processesIn(path.join(folder, "two"))) killIfThere(pid);
      };
      await expect(restore(to, { onSaid })).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(
          /^member two could not .* the restore of two ended without a word .* Every other member has/,
        ) as string,
      });
      // The two others are back on what they had, and are enough to serve it.
      for (const at of [0, 2]) {
        await eventually("the others serve", () => hashOf(labs[at], from) === from.hashKv, 20_000);
      }
      await restore(to);
      expectServed(to);
      expect([...processesIn(folder)].sort()).toEqual([...pids()].sort());
    },
    180_000,
  );
});

function hashOf(lab: Lab | undefined, sample: Sample): number | undefined {
  try {
    return lab?.hashKv(sample.revision);
  } catch {
    return undefined;
  }
}

function serves(sample: Sample): boolean {
  return labs.every((lab) => hashOf(lab, sample) === sample.hashKv);
}
