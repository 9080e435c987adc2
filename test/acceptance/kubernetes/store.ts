/** A real S3 server on the node's network, where pods reach it, and our command there. */
import { execFile as execFileCallback, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ADDRESS, findNode } from "../../../labs/kubernetes/node";
import { PROJECT, type Ended } from "../../support/lab";
import { ensureVersitygw } from "../../support/versitygw";

const execFile = promisify(execFileCallback);
const PORTS = { store: 7070, server: 7071 };
const KEYS = { ROOT_ACCESS_KEY: "test", ROOT_SECRET_KEY: "not-a-secret-of-anybody" };

export interface NodeStore {
  /** What a client needs, as environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Puts a file into a bucket. `takenAt`: when the store says that it was written. */
  put(bucket: string, name: string, bytes: Buffer, takenAt?: Date): void;
  /** Lets everybody have the object that could not be had until now. */
  mend(): void;
  /** Paths of all objects that clients have written, in order. */
  written(): readonly string[];
  /** Runs our command on the node's network. */
  run(...args: readonly string[]): Promise<Ended>;
  stop(): Promise<void>;
}

/**
 * Starts it over a folder.
 * @param broken `/BUCKET/NAME` that is answered with 503 until `mend`
 */
export async function startNodeStore(folder: string, broken: string): Promise<NodeStore> {
  const program = await ensureVersitygw();
  const node = String(findNode() ?? "");
  const buckets = path.join(folder, "buckets");
  const [file, log] = [path.join(folder, "broken"), path.join(folder, "written")];
  fs.mkdirSync(buckets);
  fs.writeFileSync(file, "");
  fs.writeFileSync(log, "");
  const onNode = ["--target", node, "--net", "--"];
  const start = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess =>
    spawn("nsenter", [...onNode, ...argv], {
      ...{ env: { PATH: process.env.PATH, HOME: folder, ...env }, stdio: "ignore" },
    });
  const server = [program, "--port", `127.0.0.1:${PORTS.server}`, "--quiet", "posix", buckets];
  const front = path.join(PROJECT, "test", "support", "flaky-store.cjs");
  const children = [
    start(server, KEYS),
    start([
      ...[process.execPath, front, ADDRESS, `${PORTS.store}`, `${PORTS.server}`],
      ...[broken, file, log],
    ]),
  ];
  const environment = {
    AWS_ENDPOINT_URL: `http://${ADDRESS}:${PORTS.store}`,
    AWS_ACCESS_KEY_ID: KEYS.ROOT_ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: KEYS.ROOT_SECRET_KEY,
    AWS_REGION: "us-east-1",
  };
  const stop = async (): Promise<void> => {
    for (const child of children) {
      if (child.exitCode !== null) continue;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    }
  };
  const ask = `fetch("${environment.AWS_ENDPOINT_URL}/").then(() => process.exit(0), () => process.exit(1))`;
  for (let tries = 0; ; tries += 1) {
    const answers = await execFile("nsenter", [...onNode, process.execPath, "-e", ask]).then(
      () => true,
      () => false,
    );
    if (answers) break;
    if (tries > 100) {
      await stop();
      throw new Error("the store on the node's network does not answer");
    }
    await sleep(100);
  }
  return {
    environment,
    put(bucket, name, bytes, takenAt) {
      const target = path.join(buckets, bucket, name);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, bytes);
      if (takenAt !== undefined) fs.utimesSync(target, takenAt, takenAt);
    },
    mend() {
      fs.rmSync(file);
    },
    written: () => fs.readFileSync(log, "utf8").split("\n").filter(Boolean),
    async run(...args) {
      const command = [process.execPath, path.join(PROJECT, "scripts", "etcd-restore.cjs")];
      const child = spawn("nsenter", [...onNode, ...command, ...args], {
        cwd: PROJECT,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...environment, NO_COLOR: "1" },
      });
      const said = { stdout: "", stderr: "" };
      child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
      const [code] = (await once(child, "close")) as [number | null];
      return { code, ...said };
    },
    stop,
  };
}

/** Imports an OCI archive into the node's containerd, under its own name. */
export async function importImage(archive: string, programs: string): Promise<void> {
  const argv = ["--target", String(findNode() ?? ""), "--all", "--wd=/", "--"];
  const ctr = [path.join(programs, "usr/bin/ctr"), "--namespace", "k8s.io", "images", "import"];
  await execFile("nsenter", [...argv, ...ctr, "--base-name", "localhost/etcd-restore", archive]);
}
