/** A list of many backups: every field is read as it is meant, and nothing that cannot be meant is passed over. */
import fc from "fast-check";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCsv } from "../../../scripts/fleet/csv";
import { readList } from "../../../scripts/fleet/list";
import { entriesOfShard, shardOfEnvironment } from "../../../scripts/fleet/shard";
import { isList, shardText } from "../../../scripts/fleet/words";
import { createWorkspace } from "../../support/kubernetes-fixtures";

let files: ReturnType<typeof createWorkspace>;
beforeEach(() => {
  files = createWorkspace();
});
afterEach(() => {
  files.remove();
});

const list = (name: string, text: string): string => files.write(name, Buffer.from(text));

test("JSON Lines and CSV say the same; a path counts from the list's folder", () => {
  const json = list(
    "fleet.jsonl",
    '{"name":"a, \\"b\\"","source":"x/a.db","expectedCluster":"u","level":"quick","budget":"restore=60s,total=2m","maxAge":"26h"}\n' +
      '\n{"name":"c","source":"s3://bucket/c/","shard":3}\n',
  );
  const csv = list(
    "fleet.csv",
    "\uFEFFsource,name,level,maxAge,budget,expectedCluster,shard\r\n" +
      'x/a.db,"a, ""b""",quick,26h,"restore=60s,total=2m",u,\r\n\r\ns3://bucket/c/,c,,,,,3\r\n',
  );
  const expected = [
    {
      ...{ name: 'a, "b"', source: path.join(path.dirname(json), "x/a.db"), expectedCluster: "u" },
      ...{ level: "quick", budget: { restore: 60, total: 120 }, maxAge: 93_600 },
    },
    { name: "c", source: "s3://bucket/c/", shard: 3 },
  ];
  for (const file of [json, csv]) {
    expect(readList(file)).toMatchObject(expected);
    expect(readList(file)).toHaveLength(expected.length);
  }
});

test.each<[string, string, readonly RegExp[]]>([
  [
    "a name twice",
    '{"name":"a","source":"x"}\n{"name":"a","source":"y"}',
    [/line 2: .*"a" stands in line 1/],
  ],
  [
    "a field that nothing reads",
    '{"name":"a","source":"x","expectedcluster":"u"}',
    [/nothing here reads "expectedcluster"; did you mean expectedCluster/],
  ],
  ["no JSON", '{"name":"a","source":"x"}\nname: b', [/line 2: it is no JSON/]],
  [
    "a time that is none, and no source",
    '{"name":"a","maxAge":"soon"}',
    [/line 1: .*maxAge: .*26h/, /source: /],
  ],
  ["a budget of no phase", '{"name":"a","source":"x","budget":"fly=1s"}', [/budget: .*PHASE/]],
  ["a pipe", '{"name":"a","source":"-"}', [/a pipe holds one/]],
  [
    "a name that could steer a terminal",
    '{"name":"a\\u001b[2J","source":"x"}',
    [/line 1: name: no control characters/],
  ],
  ["nothing", "\n\n", [/there is no backup in it/]],
])("refuses %s, and says which line", (_, text, messages) => {
  const file = list("fleet.jsonl", text);
  for (const message of messages) expect(() => readList(file)).toThrow(message);
  expect(() => readList(file)).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test("tells the first ten mistakes, and how many more there are", () => {
  const file = list("fleet.csv", `name,source\n${"x,\n".repeat(14)}`);
  expect(() => readList(file)).toThrow(/line 11: [\s\S]*and 4 more/);
});

test("CSV: what is quoted is read back as it was, line by line", () => {
  const cell = fc.string({ unit: fc.constantFrom("a", "b", '"', ",", "\r", "\n", " ", "é") });
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 5 }),
      (rows) => {
        const text = rows.map((row) => row.map(quoted).join(",")).join("\r\n");
        expect(readCsv(text).map(({ fields }) => fields)).toEqual(rows);
      },
    ),
  );
});

test.each(['a,"b', 'a,"b"c'])("CSV: %s is refused", (text) => {
  expect(() => readCsv(text)).toThrow(SyntaxError);
});

test("a file of either ending is a list, a folder of that name is a folder, an address is a place", () => {
  expect(isList(list("fleet.jsonl", ""))).toBe(true);
  expect(isList("/not/there.CSV")).toBe(true);
  fs.mkdirSync(files.path("folder.csv"));
  expect(isList(files.path("folder.csv"))).toBe(false);
  expect(isList("s3://bucket/fleet.jsonl")).toBe(false);
  expect(isList("/backups/etcd.db")).toBe(false);
});

test("shards: each entry is of exactly one, those that say so are of theirs", () => {
  const entries = Array.from({ length: 23 }, (_, line) => ({
    ...{ name: String(line), source: "x", line },
    ...(line % 5 === 0 ? { shard: 2 } : {}),
  }));
  const shards = [0, 1, 2, 3].map((index) => entriesOfShard(entries, { index, count: 4 }));
  expect(
    shards
      .flat()
      .map(({ line }) => line)
      .sort((a, b) => a - b),
  ).toEqual(entries.map(({ line }) => line));
  expect(shards[2]?.filter(({ shard }) => shard === 2)).toHaveLength(5);
  expect(() => entriesOfShard(entries, { index: 0, count: 2 })).toThrow(/shard 2.*--shards 2/);
});

test("the shard comes from a Job's environment, and half of it is refused", () => {
  expect(shardText("7/8")).toEqual({ index: 7, count: 8 });
  for (const word of ["8/8", "1/0", "-1/2", "1", "a/b"])
    expect(() => shardText(word)).toThrow(/I\/N/);
  expect(shardOfEnvironment({})).toEqual({ index: 0, count: 1 });
  const env = { JOB_COMPLETION_INDEX: "3", JOB_COMPLETIONS: "8" };
  expect(shardOfEnvironment(env)).toEqual({ index: 3, count: 8 });
  expect(() => shardOfEnvironment({ JOB_COMPLETION_INDEX: "3" })).toThrow(
    /JOB_COMPLETIONS=\(not set\)/,
  );
  expect(() => shardOfEnvironment({ ...env, JOB_COMPLETIONS: "3" })).toThrow(/name no shard/);
});
