/** Results of many backups that somebody who was not there can check: signed, noted in a history, and `merge` finds what was altered. */
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseHistory } from "../../evidence/history";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, processesOf, type Ended } from "../support/lab";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 60_000 });

const NAMES = ["proved", "read-0", "read-1", "read-2"] as const;

let files: ReturnType<typeof createWorkspace>;
let keys: Readonly<Record<"secret" | "open" | "other", string>>;
beforeEach(() => {
  files = createWorkspace();
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const other = generateKeyPairSync("ed25519").publicKey;
  const spki = { type: "spki", format: "pem" } as const;
  keys = {
    secret: files.write(
      "drill.pem",
      Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })),
    ),
    open: files.write("drill.pub", Buffer.from(publicKey.export(spki))),
    other: files.write("other.pub", Buffer.from(other.export(spki))),
  };
});
afterEach(() => {
  for (const { pid } of processesOf(files.path("home"))) process.kill(pid, "SIGKILL");
  files.remove();
});

function list(): string {
  const source = files.write("good.db", snapshotBytes("kubernetes-1.35-main.db"));
  const lines = NAMES.map((name) => ({
    ...{ name, source, level: name === "proved" ? "quick" : "file" },
  }));
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  return files.write("fleet.jsonl", Buffer.from(text));
}

const drill = (file: string, ...flags: readonly string[]): Promise<Ended> =>
  beginCommand([
    ...["drill", "--from", file, "--home", files.path("home"), "--results", files.path("results")],
    ...["--engine", "embedded", "--sign-key", keys.secret, "--json", ...flags],
  ]).ended;

interface Merged {
  readonly verdict: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly evidence: { readonly signed: boolean; readonly problems: readonly string[] };
}

async function merged(
  ...flags: readonly string[]
): Promise<Merged & { readonly code: number | null }> {
  const argv = ["merge", files.path("results"), "--list", files.path("fleet.jsonl"), "--json"];
  const { code, stdout, stderr } = await beginCommand([...argv, ...flags]).ended;
  expect(stderr).toBe("");
  return { code, ...(JSON.parse(stdout) as Merged) };
}

test("two shards sign their results and note them; merge checks every one, and finds what was altered, removed, replaced or put in", async () => {
  const file = list();
  const histories = [files.path("drills-0.jsonl"), files.path("drills-1.jsonl")] as const;
  for (const [at, history] of histories.entries()) {
    const { code, stderr } = await drill(file, "--shard", `${at}/2`, "--history", history);
    expect(code, stderr).toBe(0);
  }
  const key = fs.readFileSync(keys.open, "utf8");
  const lines = histories.flatMap(
    (history) => parseHistory(fs.readFileSync(history, "utf8"), history, key).entries,
  );
  expect(lines.map(({ listed }) => listed?.name).sort()).toEqual([...NAMES]);
  expect(lines.find(({ listed }) => listed?.name === "proved")).toMatchObject({
    ...{ verdict: "pass", level: "quick", backup: { keys: 337 } },
    drill: expect.stringMatching(/^drill-/) as string,
  });
  // Of a history of a list the two commands for histories say the same as of any other.
  const checked = await beginCommand(["evidence", "verify", histories[0], "--key", keys.open])
    .ended;
  expect([checked.code, checked.stdout]).toEqual([
    0,
    expect.stringContaining("2 drills") as string,
  ]);

  const flags = ["--key", keys.open, ...histories.flatMap((history) => ["--history", history])];
  expect(await merged(...flags)).toMatchObject({
    ...{ code: 0, verdict: "restorable", counts: { pass: 1, restorable: 3 } },
    evidence: { signed: true, problems: [] },
  });
  // What is done is known, and not noted again.
  const before = fs.readFileSync(histories[0], "utf8");
  expect((await drill(file, "--shard", "0/2", "--history", histories[0])).code).toBe(0);
  expect(fs.readFileSync(histories[0], "utf8")).toBe(before);

  const results = files.path("results");
  const fileOf = (name: string): string =>
    path.join(results, fs.readdirSync(results).find((one) => one.startsWith(`${name}.`)) ?? "");
  const [victim, whole] = [fileOf("read-1"), fs.readFileSync(fileOf("read-1"), "utf8")];

  expect((await merged("--key", keys.other)).evidence.problems).toHaveLength(4);

  fs.writeFileSync(victim, whole.replace('"verdict":"restorable"', '"verdict":"pass"'));
  // Without any key as well: the seal itself is broken.
  expect(await merged()).toMatchObject({
    ...{ code: 1, verdict: "incomplete", counts: { missing: 1 } },
    evidence: { problems: [`${victim} is not what its hash was made of`] },
  });

  const unsealed = JSON.parse(whole) as { hash?: string; signature?: string };
  delete unsealed.hash;
  delete unsealed.signature;
  fs.writeFileSync(victim, `${JSON.stringify(unsealed)}\n`);
  expect((await merged("--key", keys.open)).evidence.problems).toEqual([`${victim} is not signed`]);

  fs.rmSync(victim);
  expect((await merged(...flags)).evidence.problems).toEqual([
    expect.stringMatching(/drills-0\.jsonl notes a result of read-1, and there is none/),
  ]);

  // Signed by the same key, of another run: nobody noted it.
  const anew = await drill(file, "--again-after", "1s");
  expect(anew.code, anew.stderr).toBe(0);
  const { problems } = (await merged(...flags)).evidence;
  expect(problems).toHaveLength(4);
  expect(problems).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/as the newest result of read-1, and it was replaced/),
    ]),
  );
});

test("a history that was altered ends a run before anything is done, and so does a key that is none", async () => {
  const file = list();
  const history = files.write("drills.jsonl", Buffer.from('{"schemaVersion":1}\n'));
  const altered = await drill(file, "--history", history);
  expect([altered.code, altered.stdout]).toEqual([
    1,
    expect.stringMatching(/line 1 .*this history was altered/) as string,
  ]);
  const wrong = await drill(file, "--sign-key", keys.open);
  expect([wrong.code, wrong.stdout]).toEqual([
    2,
    expect.stringMatching(/--sign-key: it holds no private key/) as string,
  ]);
  expect(fs.existsSync(files.path("results"))).toBe(false);
});
