/** ls, get and diff on the v2 store of a real etcd over mutual TLS, and on a data directory that holds both stores. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { takeV2 } from "../../etcd/backup/v2/take";
import { localSource } from "../../etcd/backup/v2/v2-source";
import { openCommands, type Commands } from "../support/commands";
import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { createWorkspace } from "../support/kubernetes-fixtures";
import { timeLimit } from "../support/time-limit.cjs";
import { startV2Server, v2Requests } from "../support/v2-store";

const LIMIT = timeLimit(120_000);
const files = createWorkspace();
const DATA = files.path("data");
const [BACKUP, LATER] = [files.path("backup"), files.path("later.tar")];
let served: EtcdServer;
let commands: Commands;

const { signal } = new AbortController();
const take = (output: string) =>
  takeV2({ source: localSource(DATA), output, withV3: true, tool: "a test", signal });

/** Writes while there is no TLS, which its client does not know. */
async function writing(
  write: (store: ReturnType<typeof v2Requests>, etcd: EtcdServer) => Promise<unknown>,
): Promise<void> {
  const server = await startV2Server(DATA, 400);
  const store = v2Requests(server.url);
  try {
    await write(store, server);
  } finally {
    store.close();
    await server.stop();
  }
}

beforeAll(async () => {
  await writing(async (store, server) => {
    for (let i = 0; i < 30; i++)
      await store.put(`/registry/pods/ns-${i % 3}/pod-${i}`, `{"n":${i}}`);
    await store.put("/registry/services/one", "1");
    await store.put("/odd/name with space, ü & %", "x");
    await store.put("/_hidden/key", "seen by its name");
    await store.put("/top", "alone");
    await store.folder("/empty");
    await server.etcdctl("put", "/v3/key", "of the other store");
  });
  await take(BACKUP);
  await writing(async (store) => {
    await store.put("/registry/pods/ns-0/pod-0", "another");
    await store.put("/registry/services/one", "1");
    await store.remove("/registry/pods/ns-1/pod-1");
    await store.put("/new", "x");
    await store.put("/_hidden/key", "changed");
  });
  await take(LATER);
  served = await startV2Server(DATA, 400, { tls: true });
  commands = openCommands();
}, LIMIT);
afterAll(async () => {
  await commands.close();
  await served.stop();
  files.remove();
}, LIMIT);

/** The flags that lead to the server. */
function endpoint({ url, endpoint: { tls } }: EtcdServer): readonly string[] {
  const file = (name: string, text = "") => {
    fs.writeFileSync(files.path(name), text);
    return files.path(name);
  };
  if (tls === undefined) return ["--endpoint", url];
  const { ca, certificate, key } = tls;
  return [
    ...["--endpoint", url, "--cacert", file("ca.crt", ca)],
    ...["--cert", file("client.crt", certificate), "--key", file("client.key", key)],
  ];
}

const ask = (...words: readonly string[]) => commands.run([...words, "--v2", ...endpoint(served)]);

describe("ls", () => {
  it.each([
    [["/"], "/new\n/odd/\n/registry/\n/top\n"],
    [["/registry"], "/registry/pods/\n/registry/services/\n"],
    [["/registry/pods/"], "/registry/pods/ns-0/\n/registry/pods/ns-1/\n/registry/pods/ns-2/\n"],
    [["/registry/ser"], "/registry/services/\n"],
    [["/registry/services", "-r"], "/registry/services/one\n"],
    [["/_hidden"], "/_hidden/key\n"],
    [["/odd"], "/odd/name with space, ü & %\n"],
    [["/top"], "/top\n"],
  ])("%j", async (words, expected) => {
    expect(await ask("ls", ...words)).toEqual({ code: 0, stdout: expected, stderr: "" });
  });

  it("counts what is in a folder, and shows a key's size and index", async () => {
    const { stdout } = await ask("ls", "/registry", "-l");
    expect(stdout).toMatch(/^\s+29 {2}\/registry\/pods\/\n\s+1 {2}\/registry\/services\/\n$/);
    const json = await ask("ls", "/top", "-l", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject([{ name: "/top", bytes: 5, modRevision: 37 }]);
  });

  it("of what is not there names what comes near", async () => {
    const { code, stderr } = await ask("ls", "/registry/zzz");
    expect(code).toBe(1);
    expect(stderr).toMatch(/has no key \/registry\/zzz; nearest are\n.*\/registry\/services\//s);
  });
});

describe("get", () => {
  it("shows a value as it is, with its indexes where that is asked for, and a hidden key by its name", async () => {
    expect((await ask("get", "/registry/pods/ns-2/pod-2", "-o", "raw")).stdout).toBe('{"n":2}');
    expect((await ask("get", "/_hidden/key", "-o", "raw")).stdout).toBe("changed");
    const { stdout } = await ask("get", "/top", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ createRevision: 37, modRevision: 37 });
  });

  it("says of a folder that it is one", async () => {
    const { code, stderr } = await ask("get", "/registry/services");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("has no key /registry/services, but 1 key below it"),
    ]);
  });
});

describe("without --v2, and where there is no v2 store", () => {
  it("the v3 store is meant, and the other one is named where that has nothing", async () => {
    const flags = endpoint(served);
    expect((await commands.run(["ls", "/", ...flags])).stdout).toBe("/v3/\n");
    for (const words of [
      ["ls", "/registry"],
      ["get", "/top"],
    ]) {
      const { code, stderr } = await commands.run([...words, ...flags]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /note: etcd at .* serves a v2 store as well, which has keys: --v2 looks/,
      );
    }
  });

  it("says so, of a server and of a file", async () => {
    const other = await startEtcdServer({ version: "3.6" });
    try {
      const flags = ["--endpoint", other.url];
      const { code, stderr } = await commands.run(["ls", "/", "--v2", ...flags]);
      expect([code, stderr]).toEqual([
        3,
        expect.stringMatching(
          /serves no v2 store: it must be of 3\.5 or older, and be started with/,
        ),
      ]);
      expect((await commands.run(["ls", "/", ...flags])).stderr).not.toContain("note");
      await other.saveSnapshot(files.path("v3.db"));
    } finally {
      await other.stop();
    }
    const { code, stderr } = await commands.run(["ls", "/", files.path("v3.db"), "--v2"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/v3\.db holds no key of a v2 store/)]);
  });
});

it("a data directory that holds both shows either", async () => {
  expect((await commands.run(["ls", "/", BACKUP])).stdout).toBe("/v3/\n");
  expect((await commands.run(["ls", "/", BACKUP, "--v2"])).stdout).toBe(
    "/_hidden/\n/odd/\n/registry/\n/top\n",
  );
});

describe("diff", () => {
  const CHANGES = [
    "~ /_hidden/key  value, createdIndex, modifiedIndex",
    "+ /new",
    "~ /registry/pods/ns-0/pod-0  value, createdIndex, modifiedIndex",
    "- /registry/pods/ns-1/pod-1",
    "~ /registry/services/one  createdIndex, modifiedIndex (same value)",
  ];

  it.each([
    ["a running etcd", () => [BACKUP, ...endpoint(served)]],
    ["another backup", () => [BACKUP, LATER]],
  ])("of a backup and %s names each key that differs, and no value", async (_, words) => {
    const { code, stdout } = await commands.run(["diff", "--v2", "--keys", ...words()]);
    expect(code).toBe(1);
    expect(stdout.split("\n").slice(0, CHANGES.length)).toEqual(CHANGES);
    expect(stdout).toMatch(/index 38, 34 v2 keys/);
    expect(stdout).toMatch(
      /DIFFERENT {2}1 added, 1 removed, 3 changed \(1 with the same value\), 30 the same/,
    );
    expect(stdout).not.toContain("another\n");
  });

  it("is the same where nothing has changed", async () => {
    const { code, stdout } = await commands.run(["diff", LATER, "--v2", ...endpoint(served)]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/SAME {2}all 34 v2 keys are the same, though at indexes 44 and 45\n$/),
    ]);
  });
});
