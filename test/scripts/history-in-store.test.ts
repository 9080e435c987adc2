/** A history in S3: read, checked and appended to, also by several at once; never written over what is not as it should be. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { parseHistory, readHistory } from "../../evidence/history";
import {
  inObject,
  openHistory,
  readNamedHistory,
  type HistoryPlace,
} from "../../scripts/history-place";
import { openBucket } from "../../sources/bucket";
import { openSharedObject, type SharedObject } from "../../sources/shared-object";
import { entry } from "../support/history-entry";
import { beginCommand, type Ended } from "../support/lab";
import { startOddStore, type OddStore } from "../support/odd-store";
import { temporaryDirectory } from "../support/temporary";
import {
  canHaveVersitygw,
  ensureVersitygw,
  startVersitygw,
  type S3Server,
} from "../support/versitygw";

vi.setConfig({ testTimeout: 120_000 });

const open: HistoryPlace[] = [];
function place(word: string): HistoryPlace {
  const opened = openHistory(word);
  open.push(opened);
  return opened;
}
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

const cli = (env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Ended> =>
  beginCommand(args, undefined, env).ended;

/** A drill that is over at once, as there is no backup: it is noted all the same. */
async function drill(history: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const folder = await temporaryDirectory();
  const homes = ["--home", path.join(folder, "home"), "--report", path.join(folder, "report")];
  return cli(env, "drill", "/nonexistent.db", "--json", ...homes, "--history", history);
}

const checksOf = ({
  stdout,
}: Ended): readonly { readonly id: string; readonly reason?: string }[] =>
  (JSON.parse(stdout) as { checks: { id: string; reason?: string }[] }).checks;

describe.skipIf(!canHaveVersitygw())("in a real store (versitygw)", () => {
  let server: S3Server | undefined;
  let folder = "";
  const fileOf = (key: string): string => path.join(folder, "evidence", key);

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(tmpdir(), "etcd-restore-history-"));
    fs.mkdirSync(path.join(folder, "evidence"));
    server = await startVersitygw(await ensureVersitygw(), folder);
    for (const [name, value] of Object.entries(server.environment)) vi.stubEnv(name, value);
  }, 1_800_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.stop();
    if (folder !== "") fs.rmSync(folder, { recursive: true, force: true });
  });

  test("the first line, then ten in a row: the chain is whole, and the same as in a file", async () => {
    const word = "s3://evidence/deep/ten.jsonl";
    expect(await place(word).read()).toBeUndefined();
    const local = path.join(await temporaryDirectory(), "ten.jsonl");
    const [far, near] = [place(word), place(local)];
    for (let day = 1; day <= 11; day += 1) {
      // Half of them by one that has written before, half by one that comes anew.
      const appended = await (day % 2 === 0 ? far : place(word)).append(entry(day));
      expect(appended).toEqual({ ...(await place(word).read()) });
      await near.append(entry(day));
    }
    expect(fs.readFileSync(fileOf("deep/ten.jsonl"), "utf8")).toBe(fs.readFileSync(local, "utf8"));
    expect(readHistory(local).entries).toHaveLength(11);
  });

  test.each(["where none is yet", "where one is"])(
    "of five writers at once, %s, no line is lost",
    async (where) => {
      const word = `s3://evidence/${where.replaceAll(" ", "-")}.jsonl`;
      const before = where === "where one is" ? 1 : 0;
      if (before > 0) await place(word).append(entry(1));
      const writers = Array.from({ length: 5 }, () => place(word));
      const days = writers.flatMap((writer, at) =>
        [0, 1, 2].map((turn) => ({ writer, day: 2 + 3 * at + turn })),
      );
      const noted = await Promise.all(days.map(({ writer, day }) => writer.append(entry(day))));
      const history = await place(word).read();
      const started = history?.entries.map(({ startedAt }) => startedAt);
      const wanted = [...(before > 0 ? [1] : []), ...days.map(({ day }) => day)];
      expect(started?.toSorted()).toEqual(wanted.map((day) => entry(day).startedAt).toSorted());
      // Each is told where its own line stands.
      for (const [at, { day }] of days.entries()) {
        const own = noted[at];
        expect(own?.entries.at(-1)?.startedAt).toBe(entry(day).startedAt);
        expect(started?.[(own?.entries.length ?? 0) - 1]).toBe(entry(day).startedAt);
      }
    },
  );

  test("what was altered, or is no history, gets no line and stays as it is", async () => {
    const writer = place("s3://evidence/altered.jsonl");
    for (let day = 1; day <= 3; day += 1) await writer.append(entry(day));
    const good = fs.readFileSync(fileOf("altered.jsonl"), "utf8");
    const bucket = openBucket("evidence", "");
    for (const [text, words] of [
      [good.replace('"keys":337', '"keys":338'), /line 1 .*altered/],
      [good.slice(0, -10), /cut off/],
      ["\uFEFF" + good, /line 1 is no JSON/],
      ["a page\n", /line 1 is no JSON/],
    ] as const) {
      await bucket.write("other.jsonl", text);
      await expect(place("s3://evidence/other.jsonl").append(entry(4))).rejects.toThrow(words);
      expect(fs.readFileSync(fileOf("other.jsonl"), "utf8")).toBe(text);
    }
    // Altered between two lines of the same process.
    await bucket.write("altered.jsonl", good.replace('"keys":337', '"keys":338'));
    await expect(writer.append(entry(4))).rejects.toThrow(/line 1 .*altered/);
    bucket.close();
  });

  test("a drill notes itself there, and history and evidence verify read it", async () => {
    const word = "s3://evidence/commands.jsonl";
    const ended = await drill(word);
    expect(ended.code, ended.stderr).toBe(2);
    const shown = await cli({}, "history", word, "--alert-after", "3d", "--json");
    expect(shown.code, shown.stderr).toBe(1);
    expect(JSON.parse(shown.stdout)).toMatchObject({ drills: 1, late: true });
    const verified = await cli({}, "evidence", "verify", word);
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.stdout).toMatch(/intact: 1 drill/);
  });

  test.each([
    ["no bucket", "s3://nobodys/x.jsonl", {}, /there is no bucket nobodys; look at its name/],
    [
      "no credentials",
      "s3://evidence/x.jsonl",
      {
        ...{ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" },
        ...{ AWS_EC2_METADATA_DISABLED: "true", HOME: "/nowhere" },
      },
      /no credentials were found: set AWS_PROFILE/,
    ],
    [
      "nobody there",
      "s3://evidence/x.jsonl",
      { AWS_ENDPOINT_URL: "http://127.0.0.1:9" },
      /be reached/,
    ],
  ])("%s: the drill fails with it as the reason", async (_, word, env, reason) => {
    const ended = await drill(word, env);
    // That there is no backup is the worse of the two.
    expect(ended.code, ended.stderr).toBe(2);
    expect(checksOf(ended).find(({ id }) => id === "history")?.reason).toMatch(reason);
    expect(fs.existsSync(fileOf("x.jsonl"))).toBe(false);
    expect(ended.stderr + ended.stdout).not.toMatch(/not-a-secret|\n {4}at /);
  });

  test("what is not there is named", async () => {
    for (const [word, words] of [
      ["s3://evidence/none.jsonl", "there is no history s3://evidence/none.jsonl"],
      ["s3://nobodys/none.jsonl", "there is no bucket nobodys"],
    ] as const) {
      await expect(readNamedHistory(word)).rejects.toThrow(words);
    }
  });
});

const NO_PLACES = [
  "s3://evidence",
  "s3://evidence/folder/",
  "swift://evidence/x",
  "https://store/x",
];

test("what is no place of a history is said before anything is done", async () => {
  for (const word of NO_PLACES) expect(() => openHistory(word), word).toThrow(/s3:\/\/BUCKET\/KEY/);
  expect(() => openHistory("s3://KEY:SECRET@evidence/x")).toThrow(/^s3:\/\/evidence\/x names no/);
  const ended = await drill("s3://evidence");
  expect(ended.code).toBe(2);
  expect(ended.stdout).toMatch(/s3:\/\/BUCKET\/KEY/);
});

describe("in a store that is not as it should be", () => {
  let store: OddStore;
  beforeAll(async () => {
    store = await startOddStore();
    for (const [name, value] of Object.entries(store.environment)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await store.stop();
  });
  const word = "s3://odd/drills.jsonl";
  const text = (): string | undefined => store.objects.get("/odd/drills.jsonl");
  afterEach(() => {
    Object.assign(store, { ignores: new Set(), refusesConditions: false, loseAnswers: 0 });
    store.objects.clear();
  });

  test("one that ignores conditions is found out before a line is written", async () => {
    store.ignores = new Set(["if-match", "if-none-match"]);
    const refused = /took a write whose condition did not hold.*keep it in a file/;
    await expect(place(word).append(entry(1))).rejects.toThrow(refused);
    expect(text()).toBe("");
    store.ignores = new Set();
    await place(word).append(entry(1));
    const one = text();
    store.ignores = new Set(["if-match"]);
    await expect(place(word).append(entry(2))).rejects.toThrow(refused);
    expect(text()).toBe(one);
  });

  test("one that ignores If-None-Match is found out with the first line", async () => {
    store.ignores = new Set(["if-none-match"]);
    await expect(place(word).append(entry(1))).rejects.toThrow(/whose condition did not hold/);
  });

  test("one that knows no conditions says so, and nothing is written", async () => {
    store.refusesConditions = true;
    await expect(place(word).append(entry(1))).rejects.toThrow(/does not know conditional writes/);
    expect(text()).toBeUndefined();
  });

  test("a line that arrived though the answer did not is not written twice", async () => {
    const writer = place(word);
    await writer.append(entry(1));
    // The SDK asks three times: once in vain, or always.
    for (const lost of [1, 3]) {
      store.loseAnswers = lost;
      const history = await writer.append(entry(lost + 1));
      expect(history.entries.at(-1)).toEqual(entry(lost + 1));
      store.loseAnswers = 0;
    }
    expect(parseHistory(text() ?? "", word).entries).toHaveLength(3);
  });

  test("who is always too late gives up, and says why", async () => {
    const real = openSharedObject("odd", "drills.jsonl");
    let tries = 0;
    const late: SharedObject = {
      ...real,
      write() {
        tries += 1;
        return Promise.resolve(undefined);
      },
    };
    await expect(inObject(late, 1).append(entry(1))).rejects.toThrow(
      expect.objectContaining({
        kind: "environment",
        message: expect.stringMatching(
          /times somebody else wrote it .* a history of its own/,
        ) as string,
      }),
    );
    real.close();
    expect(tries).toBeGreaterThan(1);
    expect(text()).toBeUndefined();
  });
});
