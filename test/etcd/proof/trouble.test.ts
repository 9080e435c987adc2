/** What may come between us and the etcd: each has its own clear error or its own honest verdict, and none hangs. */
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";

import { Etcd3 } from "etcd3";
import { expect, it, onTestFinished } from "vitest";

import { makePki } from "../../../machine/pki/pki";
import { EtcdError, type EtcdErrorKind } from "../../../etcd/client/etcd-error";
import type { Endpoint } from "../../../etcd/client/endpoint";
import type { KeyRange } from "../../../etcd/client/etcd-client";
import { pagesOf, type ServedKey } from "../../../etcd/client/pages";
import { hashAhead } from "../../../etcd/proof/hash-ahead";
import { verify } from "../../../etcd/proof/verify";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import { makeSnapshot } from "../../support/make-snapshot";
import { freePorts } from "../../support/ports";
import { temporaryDirectory } from "../../support/temporary";
import { check, findings, fixture, prove, server, snapshotOf, write } from "./stores";

/** The error that a verification ends with. */
async function errorOf(snapshot: Snapshot, endpoint: Endpoint): Promise<EtcdError> {
  const error: unknown = await verify({ snapshot, endpoint, level: "quick" }).then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof EtcdError)) {
    throw error;
  }
  return error;
}

it("tells wrong certificates, plain text and TLS apart", async () => {
  const snapshot = await fixture("events");
  const restored = await server({ snapshot: snapshot.file, tls: true });
  const { url, tls } = restored.endpoint;
  if (!tls) {
    throw new Error("the server was to have TLS");
  }
  const stranger = await makePki({ addresses: [], dnsNames: [] });
  const theirs = { certificate: stranger.client, key: stranger.clientKey };
  const cases: readonly (readonly [endpoint: Endpoint, kind: EtcdErrorKind, message: RegExp])[] = [
    [
      { url, tls: { ...tls, ca: stranger.ca } },
      "server-untrusted",
      /certificate .* not to be trusted/,
    ],
    [{ url, tls: { ...tls, ...theirs } }, "client-refused", /refused our client certificate/],
    [{ url }, "server-untrusted", /certificate .* not to be trusted/],
    [{ url: url.replace("https", "http") }, "not-etcd", /http:\/\/ against https:\/\//],
  ];
  for (const [endpoint, kind, message] of cases) {
    const error = await errorOf(snapshot, endpoint);
    expect.soft(error.kind, error.message).toBe(kind);
    expect.soft(error.message).toMatch(message);
    expect.soft(error.message).not.toContain("PRIVATE KEY");
  }

  const plain = await server();
  const error = await errorOf(snapshot, { url: plain.url.replace("http", "https"), tls });
  expect(error.kind, error.message).toBe("not-etcd");
  expect(error.message).toContain("http:// against https://");
});

it("says at once when nothing listens", async () => {
  const snapshot = await fixture("events");
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const address = closed.address();
  if (address === null || typeof address === "string") {
    throw new Error("no port was given");
  }
  await new Promise((resolve) => closed.close(resolve));
  const url = `http://127.0.0.1:${address.port}`;
  const began = performance.now();
  const error = await errorOf(snapshot, { url });
  expect(error.kind).toBe("unreachable");
  expect(error.message).toBe(
    `nothing listens at ${url} (connection refused). Is etcd running there?`,
  );
  expect(performance.now() - began).toBeLessThan(2000);
});

it("gives up on a port that accepts and stays silent", async () => {
  const snapshot = await fixture("events");
  const silent = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => {
    silent.close();
  });
  const sockets: { destroy(): void }[] = [];
  silent.on("connection", (socket) => sockets.push(socket));
  await once(silent, "listening");
  const address = silent.address();
  if (address === null || typeof address === "string") {
    throw new Error("no port was given");
  }
  const error = await errorOf(snapshot, { url: `http://127.0.0.1:${address.port}` });
  expect(error.message).toContain("no connection to");
  expect(error.message).toContain("within 10 s");
  for (const socket of sockets) {
    socket.destroy();
  }
});

it("says so when the server dies in the middle, and stops when it is told to", async () => {
  const file = join(await temporaryDirectory(), "large.db");
  await makeSnapshot(file, { keys: 60_000, valueBytes: 600 });
  const snapshot = await readSnapshot(file);
  onTestFinished(() => {
    snapshot.close();
  });
  const restored = await server({ snapshot: file });
  expect(findings(await prove(snapshot, restored))).toEqual({});

  const controller = new AbortController();
  const interrupted = new Error("interrupted");
  const stopped = prove(snapshot, restored, {
    signal: controller.signal,
    onProgress: () => {
      controller.abort(interrupted);
    },
  });
  await expect(stopped).rejects.toBe(interrupted);

  const progress: number[] = [];
  const killed = prove(snapshot, restored, {
    onProgress: (done, total) => {
      if (progress.length === 0) {
        process.kill(restored.pid, "SIGKILL");
      }
      expect(total).toBe(snapshot.live.count);
      progress.push(done);
    },
  });
  const error: unknown = await killed.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EtcdError);
  expect((error as EtcdError).message).toMatch(/\(tried 5 times\)$/);
  expect(["unavailable", "unreachable"]).toContain((error as EtcdError).kind);
  expect(progress.at(-1)).toBeLessThan(snapshot.live.count);
});

it("checks a store with authentication when it has the credentials, and says what it could not without", async () => {
  const source = await server();
  await write(source, [
    { put: "/a", value: "1" },
    { put: "/b", value: "2" },
  ]);
  await source.etcdctl("user", "add", "root:correct horse");
  await source.etcdctl("user", "grant-role", "root", "root");
  await source.etcdctl("user", "add", "guest:guest");
  await source.etcdctl("auth", "enable");
  const file = join(await temporaryDirectory(), "auth.db");
  await source.etcdctl("--user=root:correct horse", "snapshot", "save", file);
  const snapshot = await readSnapshot(file);
  onTestFinished(() => {
    snapshot.close();
  });
  expect(snapshot.auth.enabled).toBe(true);

  for (const version of ["3.5", "3.6", "3.7"]) {
    const restored = await server({ version, snapshot: file });
    const as = (username: string, password: string) =>
      prove(snapshot, { endpoint: { ...restored.endpoint, username, password } });

    const good = await as("root", "correct horse");
    expect(findings(good)).toEqual(version === "3.6" ? {} : { "etcd-version": "explained" });
    expect(check(good, "auth").found).toBe("on, 2 users");

    for (const report of [
      await prove(snapshot, restored),
      await as("root", "wrong"),
      await as("guest", "guest"),
    ]) {
      expect(report.verdict).toBe("incomplete");
      expect(findings(report)).toMatchObject({
        hashkv: "not-checked",
        "key-count": "not-checked",
        "read-back": "not-checked",
      });
      expect(check(report, "hashkv").reason).toContain("authentication is on");
      expect(JSON.stringify(report)).not.toContain("correct horse");
    }
  }
});

it("finds that authentication is off where the backup has it on", async () => {
  const source = await server();
  await source.etcdctl("user", "add", "root:pw");
  await source.etcdctl("user", "grant-role", "root", "root");
  const snapshot = await snapshotOf(source);
  await source.etcdctl("auth", "enable");
  const report = await prove(snapshot, {
    endpoint: { ...source.endpoint, username: "root", password: "pw" },
  });
  expect(findings(report)).toEqual({ auth: "fail" });

  // Credentials that a store does not ask for do no harm.
  const open = await server({ snapshot: snapshot.file });
  const { endpoint } = open;
  const same = await prove(snapshot, {
    endpoint: { ...endpoint, username: "root", password: "pw" },
  });
  expect(findings(same)).toEqual({});
});

it("finds a role that may do more, and a user with another role, by name", async () => {
  const source = await server();
  const etcdctl = async (...lines: readonly string[]) => {
    for (const line of lines) await source.etcdctl(...line.split(" "));
  };
  await etcdctl(
    ...["role add reader", "role add writer", "user add root:pw", "user grant-role root root"],
    ...["user add viewer:pw", "user grant-role viewer reader"],
    "role grant-permission reader --prefix=true read /app/",
    "role grant-permission reader readwrite /one",
  );
  const snapshot = await snapshotOf(source);
  expect(snapshot.auth).toMatchObject({
    rolesOf: { root: ["root"], viewer: ["reader"] },
    permissionsOf: { reader: ["read 2f6170702f-2f61707030", "readwrite 2f6f6e65"], writer: [] },
  });
  expect(findings(await prove(snapshot, source))).toEqual({});

  await etcdctl("role grant-permission reader write /app", "user grant-role viewer writer");
  const report = await prove(snapshot, source);
  expect(findings(report)).toEqual({ auth: "fail" });
  expect(check(report, "auth").reason).toBe(
    "user viewer has other roles, role reader has other permissions",
  );
});

it.each(["3.5", "3.6", "3.7"])(
  "finds a password that was changed after the restore, on etcd %s",
  async (version) => {
    const source = await server({ version });
    await source.etcdctl("user", "add", "root:pw");
    await source.etcdctl("user", "grant-role", "root", "root");
    const snapshot = await snapshotOf(source);
    const restored = await server({ version, snapshot: snapshot.file });
    expect(findings(await prove(snapshot, restored))).toEqual({});
    const client = new Etcd3({ hosts: restored.url });
    await client.user("root").setPassword("other");
    client.close();
    const report = await prove(snapshot, restored, { level: "quick" });
    expect(findings(report)).toEqual({ auth: "fail" });
    const { expected, found, reason } = check(report, "auth");
    expect(expected).toBe("off, 1 user, auth revision 3");
    expect(found).toBe("off, 1 user, auth revision 4");
    expect(reason).toContain("look at the passwords");
  },
);

it("ends with an error at a server whose pages go on for ever, go back, or say more and give nothing", async () => {
  const key = (name: string) => ({ key: Buffer.from(name) }) as ServedKey;
  let calls = 0;
  const endless: readonly [(rest: KeyRange) => { keys: ServedKey[]; more: boolean }, RegExp][] = [
    [() => ({ keys: [], more: true }), /more keys, and gave none/],
    [() => ({ keys: [key("/a")], more: true }), /not in order/],
    [
      () => ({ keys: [key(`/${String((calls += 1)).padStart(9, "0")}`)], more: true }),
      /more and more keys/,
    ],
    [() => ({ keys: [key("/b"), key("/b")], more: false }), /not in order/],
    [() => ({ keys: [key("/z")], more: false }), /not of the range/],
  ];
  for (const [page, message] of endless) {
    calls = 0;
    const range = { start: Buffer.from("/"), end: Buffer.from("/y") };
    const read = async () => {
      for await (const keys of pagesOf(range, (rest) => Promise.resolve(page(rest)), 1000)) {
        expect(keys.length).toBeGreaterThanOrEqual(0);
      }
    };
    await expect(read()).rejects.toThrow(message);
  }
});

it("takes a hash that was asked for ahead, but only one of the backup's own revision", async () => {
  const source = await server();
  await source.etcdctl("put", "/a", "1");
  const snapshot = await snapshotOf(source);
  const ahead = async () => {
    const asked = hashAhead(source.endpoint, new AbortController().signal);
    const answer = await asked.answer;
    asked.close();
    return answer;
  };
  const answer = await ahead();
  expect(answer).toMatchObject({ hash: snapshot.hashKv(), hashRevision: snapshot.revision });
  if (answer === undefined) throw new Error("no answer");
  const given = (hash: typeof answer) => ({
    answer: Promise.resolve(hash),
    close: () => undefined,
  });
  const other = given({ ...answer, hash: answer.hash + 1 });
  expect(findings(await prove(snapshot, source, { ahead: other }))).toEqual({ hashkv: "fail" });

  await source.etcdctl("put", "/b", "2");
  const later = await ahead();
  expect(later?.hashRevision).toBe(snapshot.revision + 1);
  const options = { inUse: true, ahead: given(later ?? answer) };
  expect(findings(await prove(snapshot, source, options))).toEqual({ revision: "explained" });
});

it("has no hash ahead of a server that is not there, and does not wait for one that was given up", async () => {
  const [port = 0] = await freePorts(1);
  const never = new AbortController().signal;
  const nobody = hashAhead({ url: `http://127.0.0.1:${port}` }, never);
  expect(await nobody.answer).toBeUndefined();

  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
  const givenUp = hashAhead({ url: `http://127.0.0.1:${port}` }, never);
  givenUp.close();
  expect(await givenUp.answer).toBeUndefined();
  silent.close();
});
