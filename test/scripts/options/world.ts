/** What the options are tried in: backups, servers with TLS and authentication, a stand-in for kubectl, folders. */
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import { startEtcdServer, type EtcdServer } from "../../support/etcd-server";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { etcdPods } from "./kubectl-pods";
import { pathWithoutPulumi } from "../../support/path-without-pulumi";

export interface World {
  readonly main: string;
  readonly encrypted: string;
  /** What opens the values of `encrypted`. */
  readonly encryptionConfig: string;
  /** `main`, packed. */
  readonly packed: string;
  /** Files of an ed25519 pair. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** Flags of a server with TLS that serves `main`, and of one with authentication too. */
  readonly served: readonly string[];
  readonly login: readonly string[];
  readonly file: (name: string, text: string | Buffer) => string;
  readonly folder: (name: string) => string;
  /** Writes a file in a folder that is made for it. */
  readonly write: (name: string, text: string) => void;
  /** Names in a folder; none where there is no such folder. */
  readonly list: (name: string) => readonly string[];
  readonly read: (name: string) => string;
  /** What the stand-in was called with since it was last asked for. */
  readonly kubectlCalls: () => string;
  readonly environment: Readonly<Record<string, string>>;
  readonly remove: () => Promise<void>;
}

/** Answers about versions, permissions and pods; refuses the rest, and notes all of it with what stdin held. */
const KUBECTL = `#!/bin/sh
dir=$(dirname "$0")
echo "kubectl $*" >> "$dir/calls"
case "$*" in
  *version*) echo '{"clientVersion": {"gitVersion": "v1.35.4"}}' ;;
  *managed-by*) echo '{"items": []}' ;;
  *"get pods"*) cat "$dir/pods.json" ;;
  *create*|*apply*) cat >> "$dir/calls"; echo "error: not here" >&2; exit 1 ;;
  *) echo "error: not here" >&2; exit 1 ;;
esac
`;

const FIXTURES = path.join(__dirname, "..", "..", "fixtures");

export async function openWorld(): Promise<World> {
  const files = createWorkspace();
  const workspace = {
    ...files,
    write: (name: string, text: string | Buffer): string => files.write(name, Buffer.from(text)),
  };
  const main = workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
  const encrypted = workspace.write("encrypted.db", snapshotBytes("kubernetes-1.35-encrypted.db"));
  const servers: EtcdServer[] = [];
  const flagsOf = async (options: Parameters<typeof startEtcdServer>[0]) => {
    const server = await startEtcdServer({ ...options, tls: true });
    servers.push(server);
    const { url, tls } = server.endpoint;
    if (tls?.certificate === undefined || tls.key === undefined) throw new Error("without TLS");
    const names = `${servers.length}`;
    const write = (name: string, text: string): string =>
      workspace.write(`${name}-${names}.pem`, text);
    return {
      server,
      flags: [
        ...["--endpoint", url, "--cacert", write("ca", tls.ca)],
        ...["--cert", write("cert", tls.certificate), "--key", write("key", tls.key)],
      ],
    };
  };
  const served = await flagsOf({ snapshot: main });
  await served.server.etcdctl("put", "/written/since", "hello");
  const login = await flagsOf({});
  for (const words of [
    ["put", "/greeting", "hello"],
    ["user", "add", "root:sesame"],
    ["user", "grant-role", "root", "root"],
    ["auth", "enable"],
  ]) {
    await login.server.etcdctl(...words);
  }
  const bin = path.join(path.dirname(main), "bin");
  fs.mkdirSync(bin);
  fs.writeFileSync(path.join(bin, "kubectl"), KUBECTL, { mode: 0o755 });
  fs.writeFileSync(path.join(bin, "pods.json"), JSON.stringify(etcdPods()));
  const calls = path.join(bin, "calls");
  const keys = generateKeyPairSync("ed25519");
  const folder = (name: string): string => path.join(path.dirname(main), name);
  return {
    ...{ main, encrypted, served: served.flags, login: login.flags },
    encryptionConfig: path.join(FIXTURES, "kubernetes-1.35-encrypted.encryption-config.json"),
    packed: workspace.write("main.db.gz", gzipSync(fs.readFileSync(main))),
    privateKey: workspace.write(
      "private.pem",
      keys.privateKey.export({ format: "pem", type: "pkcs8" }),
    ),
    publicKey: workspace.write(
      "public.pem",
      keys.publicKey.export({ format: "pem", type: "spki" }),
    ),
    file: (name, text) => workspace.write(name, text),
    folder,
    write: (name, text) => {
      fs.mkdirSync(path.dirname(folder(name)), { recursive: true });
      fs.writeFileSync(folder(name), text);
    },
    list: (name) => (fs.existsSync(folder(name)) ? fs.readdirSync(folder(name)) : []),
    read: (name) => (fs.existsSync(folder(name)) ? fs.readFileSync(folder(name), "utf8") : ""),
    kubectlCalls: () => {
      const text = fs.existsSync(calls) ? fs.readFileSync(calls, "utf8") : "";
      fs.rmSync(calls, { force: true });
      return text;
    },
    environment: {
      NO_COLOR: "",
      FORCE_COLOR: "1",
      PATH: `${bin}${path.delimiter}${pathWithoutPulumi()}`,
    },
    remove: async () => {
      for (const server of servers) await server.stop();
      workspace.remove();
    },
  };
}
