/**
 * The download of a backup out of a real S3 store (versitygw, on loopback) against `curl` of the same object, in turn. Ours
 * lists, looks at the beginning, and hashes what comes; curl only writes it.
 */
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureVersitygw, startVersitygw, type S3Server } from "../support/versitygw";
import { measure, median, RUNS } from "./measure";

export interface FetchFigures {
  readonly fileBytes: number;
  /** Medians, of the download itself: neither counts the start of its program. */
  readonly seconds: { readonly ours: number; readonly curl: number };
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
  readonly beforeMegabytes: number;
  readonly peakMegabytes: number;
}

async function inTurn(
  { environment }: S3Server,
  directory: string,
): Promise<Omit<FetchFigures, "fileBytes">> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = environment;
  const curl = [
    ...["curl", "--silent", "--fail", "--aws-sigv4", `aws:amz:${environment.AWS_REGION}:s3`],
    // A key of this server alone, which ends with the benchmark.
    ...["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"],
    ...["--user", `${id}:${secret}`, "--output", join(directory, "theirs.db")],
    ...["--write-out", "%{time_total}", `${environment.AWS_ENDPOINT_URL}/backups/${KEY}`],
  ];
  const ours = [process.execPath, CHILD, "s3://backups/bench"];
  await measure(ours);
  const ended: Ended[] = [];
  const theirs: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    ended.push(JSON.parse((await measure(ours)).stdout) as Ended);
    theirs.push(Number((await measure(curl)).stdout));
  }
  return {
    seconds: { ours: median(ended.map(({ seconds }) => seconds)), curl: median(theirs) },
    peakMegabytes: Math.max(...ended.map(({ peakMegabytes }) => peakMegabytes)),
    emptyMegabytes: median(ended.map(({ beforeMegabytes }) => beforeMegabytes)),
  };
}

/** The figures as lines of text. */
export function describeFetch(figures: FetchFigures): string {
  const { fileBytes, seconds, peakMegabytes, emptyMegabytes } = figures;
  const speed = (each: number) =>
    `${each.toFixed(2).padStart(6)} s  ${(fileBytes / 1e6 / each).toFixed(0).padStart(5)} MB/s`;
  return [
    `${(fileBytes / 1e6).toFixed(0)} MB out of S3 on loopback`,
    `fetch (ours)               ${speed(seconds.ours)}   at most ${peakMegabytes.toFixed(0)} MB (${emptyMegabytes.toFixed(0)} before it began)`,
    `curl                       ${speed(seconds.curl)}   throughput x${(seconds.curl / seconds.ours).toFixed(2)} of it`,
  ].join("\n");
}
