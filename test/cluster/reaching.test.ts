/** Files out of a container, and the handshake with an etcd behind a forwarded port. */
import { createHash, randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusterError } from "../../cluster/cluster-error";
import { BrokenTransfer, describeFile, fileThere } from "../../cluster/in-pod";
import type { Kubectl } from "../../cluster/kubectl";
import { serverName } from "../../cluster/port-forward";
import { makePki } from "../../machine/pki/pki";
import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { createWorkspace } from "../support/kubernetes-fixtures";

const files = createWorkspace();
afterAll(() => {
  files.remove();
});
const content = randomBytes(3_000_000);
const file = files.write("there.db", content);
const there = { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
const target = { namespace: "n", pod: "p", container: "c" };

/** A kubectl whose `exec` runs a script here, in place of what was asked for. */
function executing(script: string): Kubectl {
  return {
    run: (argv) =>
      Promise.resolve(
        argv.includes("wc") ? ` ${there.bytes} ${file}\n` : `${there.sha256}  ${file}\n`,
      ),
    start: () => spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "pipe"] }),
  };
}

async function fetched(script: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of fileThere(executing(script), target, file, there)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("a file in a container", () => {
  test("comes whole, and its length and hash are those that programs there tell", async () => {
    expect(await describeFile(executing("true"), target, file)).toEqual(there);
    expect((await fetched(`cat ${file}`)).equals(content)).toBe(true);
  });

  // As measured on a real cluster: exit code 0 and nothing on stderr when the kubelet died.
  test.each([
    [
      "cut, though the program ended with 0",
      `head -c 1000000 ${file}`,
      /977 KiB came of 2\.9 MiB.*without an error/,
    ],
    ["longer than it is", `cat ${file}; echo`, /or other bytes/],
    ["as long, with a byte that is another", `head -c 2999999 ${file}; printf x`, /or other bytes/],
    ["none at all", "true", /0 bytes came/],
    [
      "cut, and said to be",
      `head -c 9 ${file}; echo 'error: lost connection to pod' >&2; exit 1`,
      /broke off/,
    ],
  ])("%s: broken, and worth another try", async (_, script, words) => {
    const failure = await fetched(script).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BrokenTransfer);
    expect(String(failure)).toMatch(words);
  });

  test("that no program there can read closes the way", async () => {
    const said = 'exec: "cat": executable file not found in $PATH: unknown';
    const failure = await fetched(`echo '${said}' >&2; exit 1`).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "ClusterError", isClosed: true });
    expect(failure).not.toBeInstanceOf(BrokenTransfer);
  });
});

describe("the etcd behind a forwarded port", () => {
  let server: EtcdServer;
  let port: number;
  beforeAll(async () => {
    server = await startEtcdServer({ tls: true });
    port = Number(new URL(server.url).port);
  });
  afterAll(() => server.stop());
  const own = () => {
    const { tls } = server.endpoint;
    if (tls === undefined) throw new Error("it has no TLS");
    return tls;
  };

  test("tells by its certificate which of its names is the one to ask for", async () => {
    expect(await serverName(port, own(), ["etcd-a.internal", "127.0.0.1"])).toBe("127.0.0.1");
  });

  test("is refused with the reason: its name, its CA, this side's certificate", async () => {
    const refused = (tls: Parameters<typeof serverName>[1], ...names: readonly string[]) =>
      expect(serverName(port, tls, names)).rejects;
    await refused(own(), "etcd-a.internal").toThrow(
      /certificate is for .*, and not for one of etcd-a\.internal/,
    );
    const other = await makePki({ addresses: [], dnsNames: [] });
    await refused({ ...own(), ca: other.ca }, "127.0.0.1").toThrow(ClusterError);
    await refused({ ca: own().ca }, "127.0.0.1").toThrow(/client certificate/);
    const foreign = { ca: own().ca, certificate: other.client, key: other.clientKey };
    await refused(foreign, "127.0.0.1").toThrow(/client certificate/);
  });
});
