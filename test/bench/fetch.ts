/**
 * The download of a backup out of a real S3 store (versitygw, on loopback) against `curl` of the same object, in turn. Ours
 * looks at the beginning and hashes what comes; curl only writes it. Beside them is what does both with curl.
 */
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureVersitygw, startVersitygw, type S3Server } from "../support/versitygw";
import { measure, median, RUNS } from "./measure";

export interface FetchFigures {
  readonly fileBytes: number;
  /** Medians, of the download itself: none counts the start of its program. */
  readonly seconds: {
    readonly ours: number;
    readonly curl: number;
    /** `curl … | tee FILE | sha256sum`, which counts the start of three programs. */
    readonly hashed: number;
  };
  /** Of ours with the loading of the store's client, the list and the choice. */
  readonly wholeSeconds: number;
  /** Peak resident memory of our whole process, the greatest of all runs, and what Node takes without it. */
  readonly peakMegabytes: number;
  readonly emptyMegabytes: number;
}

const CHILD = join(__dirname, "..", "support", "fetch-child.cjs");
const KEY = "bench/etcd-2026-11-22.db";

/** Runs the benchmark on a snapshot file. */
export async function benchFetch(file: string): Promise<FetchFigures> {
  const directory = mkdtempSync(join(tmpdir(), "etcd-restore-bench-"));
  mkdirSync(join(directory, "store"));
  const server = await startVersitygw(await ensureVersitygw(), join(directory, "store"));
  try {
    await putObject(server, file);
    return { fileBytes: statSync(file).size, ...(await inTurn(server, directory)) };
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function putObject({ environment }: S3Server, file: string): Promise<void> {
  Object.assign(process.env, environment);
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  const sdk = await import("@aws-sdk/client-s3");
  const client = new sdk.S3Client({
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  await client.send(new sdk.CreateBucketCommand({ Bucket: "backups" }));
  const [Body, ContentLength] = [createReadStream(file), statSync(file).size];
  await client.send(new sdk.PutObjectCommand({ Bucket: "backups", Key: KEY, Body, ContentLength }));
  client.destroy();
}

interface Ended {
  readonly seconds: number;
  readonly downloadSeconds: number;
  readonly beforeMegabytes: number;
  readonly peakMegabytes: number;
}

async function inTurn(
  { environment }: S3Server,
  directory: string,
): Promise<Omit<FetchFigures, "fileBytes">> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = environment;
  const get = [
    ...["curl", "--silent", "--fail", "--aws-sigv4", `aws:amz:${environment.AWS_REGION}:s3`],
    // A key of this server alone, which ends with the benchmark.
    ...["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"],
    ...["--user", `${id}:${secret}`, `${environment.AWS_ENDPOINT_URL}/backups/${KEY}`],
  ];
  const file = join(directory, "theirs.db");
  const curl = [...get, "--output", file, "--write-out", "%{time_total}"];
  const hashed = ["sh", "-c", '"$@" | tee "$0" | sha256sum', file, ...get];
  const ours = [process.execPath, CHILD, "s3://backups/bench"];
  await measure(ours);
  const ended: Ended[] = [];
  const [plain, whole]: [number[], number[]] = [[], []];
  for (let i = 0; i < RUNS; i++) {
    ended.push(JSON.parse((await measure(ours)).stdout) as Ended);
    plain.push(Number((await measure(curl)).stdout));
    whole.push((await measure(hashed)).seconds);
  }
  return {
    seconds: {
      ours: median(ended.map(({ downloadSeconds }) => downloadSeconds)),
      curl: median(plain),
      hashed: median(whole),
    },
    wholeSeconds: median(ended.map(({ seconds }) => seconds)),
    peakMegabytes: Math.max(...ended.map(({ peakMegabytes }) => peakMegabytes)),
    emptyMegabytes: median(ended.map(({ beforeMegabytes }) => beforeMegabytes)),
  };
}

/** The figures as lines of text. */
export function describeFetch(figures: FetchFigures): string {
  const { fileBytes, seconds, wholeSeconds, peakMegabytes, emptyMegabytes } = figures;
  const line = (name: string, each: number) =>
    `${name.padEnd(26)} ${each.toFixed(2).padStart(6)} s  ${(fileBytes / 1e6 / each).toFixed(0).padStart(5)} MB/s   ` +
    `throughput x${(each / seconds.ours).toFixed(2)} of it`;
  return [
    `${(fileBytes / 1e6).toFixed(0)} MB out of S3 on loopback, written and hashed`,
    `fetch (ours)               ${seconds.ours.toFixed(2).padStart(6)} s  ${(fileBytes / 1e6 / seconds.ours).toFixed(0).padStart(5)} MB/s   ` +
      `at most ${peakMegabytes.toFixed(0)} MB (${emptyMegabytes.toFixed(0)} before it began)`,
    line("curl, not hashed", seconds.curl),
    line("curl | tee | sha256sum", seconds.hashed),
    `ours with the store's client loaded, the list and the choice: ${wholeSeconds.toFixed(2)} s`,
  ].join("\n");
}
