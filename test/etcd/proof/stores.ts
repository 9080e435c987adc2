/** Stores for the proof's tests, written with etcd3: a client that shares nothing with the one under test. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Etcd3 } from "etcd3";
import { onTestFinished } from "vitest";
import { verify } from "../../../etcd/proof/verify";
import type { VerifyRequest } from "../../../etcd/proof/verify-request";
import type { Check, Report } from "../../../etcd/report/report";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import {
  startEtcdServer,
  type EtcdServer,
  type EtcdServerOptions,
} from "../../support/etcd-server";
import { snapshotBytes } from "../../support/kubernetes-fixtures";
import { temporaryDirectory } from "../../support/temporary";

/** One write; each makes exactly one revision. */
export type Write =
  | {
      readonly put: string | Buffer;
      readonly value: string | Buffer;
      readonly lease?: number;
    }
  | { readonly delete: string };

/** A server for the running test. */
export async function server(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const started = await startEtcdServer(options);
  onTestFinished(() => started.stop());
  return started;
}

/** Grants leases of the given TTLs with the ids 1, 2, …, then writes in order. */
export async function write(
  { url }: Pick<EtcdServer, "url">,
  writes: readonly Write[],
  ttls: readonly number[] = [],
): Promise<void> {
  const client = new Etcd3({ hosts: url });
  try {
    for (const [i, TTL] of ttls.entries()) {
      await client.leaseClient.leaseGrant({ TTL, ID: i + 1 });
    }
    for (const each of writes) {
      if ("delete" in each) {
        await client.kv.deleteRange({ key: Buffer.from(each.delete) });
      } else {
        const { put, value, lease = 0 } = each;
        await client.kv.put({ key: Buffer.from(put), value: Buffer.from(value), lease });
      }
    }
  } finally {
    client.close();
  }
}

/** Saves a server's snapshot and reads it; closed and removed after the running test. */
export async function snapshotOf(source: EtcdServer): Promise<Snapshot> {
  const file = join(await temporaryDirectory(), "snapshot.db");
  await source.saveSnapshot(file);
  return openSnapshot(file);
}

/** A fixture's snapshot, for the running test. */
export async function fixture(name: "main" | "events" | "encrypted"): Promise<Snapshot> {
  const file = join(await temporaryDirectory(), `${name}.db`);
  await writeFile(file, snapshotBytes(`kubernetes-1.35-${name}.db`));
  return openSnapshot(file);
}

/** Reads a file; closed after the running test. */
export async function openSnapshot(file: string): Promise<Snapshot> {
  const snapshot = await readSnapshot(file);
  onTestFinished(() => {
    snapshot.close();
  });
  return snapshot;
}

/** Verifies at level `full`, unless told otherwise. */
export function prove(
  snapshot: Snapshot,
  { endpoint }: Pick<EtcdServer, "endpoint">,
  options: Partial<VerifyRequest> = {},
): Promise<Report> {
  return verify({ snapshot, endpoint, level: "full", ...options });
}

/** Which checks did not simply pass: `{hashkv: "fail"}`. */
export function findings(report: Report): Record<string, Check["verdict"]> {
  return Object.fromEntries(
    report.checks
      .filter(({ verdict }) => verdict !== "pass")
      .map(({ id, verdict }) => [id, verdict]),
  );
}

/** One check of a report. */
export function check(report: Report, id: string): Check {
  const found = report.checks.find((each) => each.id === id);
  if (!found) {
    throw new Error(`no check ${id}; there are ${report.checks.map((each) => each.id).join(", ")}`);
  }
  return found;
}
