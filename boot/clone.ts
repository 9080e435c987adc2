/**
 * A backup restored beside, for what writes: an etcd of its own in an enclosure, so that the etcd that serves the stack
 * stays exactly what was proved.
 */
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Endpoint } from "../etcd/client/endpoint";
import { openMember, type MemberClient } from "../etcd/client/member-client";
import { EtcdError } from "../etcd/client/etcd-error";
import type { Snapshot } from "../etcd/snapshot/snapshot";
import { quotaBytes } from "../machine/environment";
import { makePki } from "../machine/pki/pki";
import type { Pki } from "../machine/pki/pki-texts";
import type { EtcdPrograms } from "../machine/programs/programs";
import { MachineError } from "../machine/machine-error";

import type { Enclosure } from "./enclosure";

/** The certificates of all clones of an enclosure, and where they lie. */
export interface CloneTls {
  readonly pki: Pki;
  /** Path of a certificate or key. */
  readonly file: (name: keyof Pki) => string;
}

/** Makes certificates for the etcds of an enclosure. */
export async function makeTls(enclosure: Enclosure): Promise<CloneTls> {
  const folder = await enclosure.makeFolder("tls");
  const file = (name: keyof Pki) => path.join(folder, `${name}.pem`);
  // In a store with authentication on etcd takes a client by the name in its certificate; root may do everything.
  const pki = await makePki({ addresses: [], dnsNames: [] });
  for (const [name, text] of Object.entries(pki) as [keyof Pki, string][]) {
    await enclosure.write(file(name), text);
  }
  return { pki, file };
}

/** An etcd in an enclosure. */
export interface Clone {
  /** Of its programs and files: `main`, `events`. */
  readonly name: string;
  /** For clients in this process, through the enclosure's socket. */
  readonly endpoint: Endpoint;
  /** https URLs for the programs of the enclosure. */
  readonly url: string;
  readonly peerUrl: string;
  readonly tls: CloneTls;
  /** Of the store that it was restored from. */
  readonly snapshot: Snapshot;
  /** The argv of an etcd; `more` goes over it. */
  etcd(member: MemberPlace): readonly string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Where one member of the clone's cluster lies and listens. */
export interface MemberPlace {
  readonly name: string;
  readonly dataDirectory: string;
  readonly url: string;
  readonly peerUrl: string;
  /** `NAME=URL,…` of all members. */
  readonly cluster: string;
  readonly state: "new" | "existing";
}

export interface CloneRequest {
  readonly name: string;
  /** The backup, read; `path` is the plain file that it was read from. */
  readonly snapshot: Snapshot;
  readonly path: string;
  readonly programs: EtcdPrograms;
  readonly tls: CloneTls;
}

/** A member opens its store, some seconds for each gigabyte. */
const START_LIMIT_MS = 60_000;
const BYTES_PER_SECOND = 20_000_000;

/**
 * Restores a backup in an enclosure, with a cluster token of its own, and starts an etcd on it.
 * @throws MachineError
 */
export async function startClone(
  enclosure: Enclosure,
  request: CloneRequest,
  signal: AbortSignal,
): Promise<Clone> {
  const { name, snapshot, programs, tls } = request;
  const folder = await enclosure.makeFolder(name);
  const [port, peerPort] = [await enclosure.freePort(), await enclosure.freePort()];
  const [url, peerUrl] = [`https://127.0.0.1:${port}`, `https://127.0.0.1:${peerPort}`];
  const place: MemberPlace = {
    ...{
      name,
      url,
      peerUrl,
      dataDirectory: path.join(folder, "data"),
      cluster: `${name}=${peerUrl}`,
    },
    state: "new",
  };
  const file = await enclosure.bring(request.path);
  const quota = quotaBytes(snapshot.bytes);
  await enclosure.run(`${name}-restore`, [
    ...[programs.etcdutl, "snapshot", "restore", file, "--data-dir", place.dataDirectory],
    ...["--name", name, "--initial-cluster", place.cluster],
    ...["--initial-advertise-peer-urls", peerUrl],
    ...["--initial-cluster-token", `clone-${path.basename(enclosure.folder)}`],
  ]);
  await enclosure.release(file);
  const etcd = (member: MemberPlace) => [programs.etcd, ...etcdFlags(member, tls, quota)];
  const { ca, root: certificate, rootKey: key } = tls.pki;
  const endpoint: Endpoint = {
    ...{ url, socketPath: await enclosure.relay(port) },
    tls: { ca, certificate, key },
  };
  const limit = START_LIMIT_MS + (snapshot.bytes / BYTES_PER_SECOND) * 1000;
  const clone: Clone = {
    ...{ name, endpoint, url, peerUrl, etcd, tls, snapshot },
    async start() {
      await enclosure.start(name, etcd(place));
      await untilLeading(enclosure, name, endpoint, limit, signal);
    },
    stop: () => enclosure.stop(name),
  };
  await clone.start();
  return clone;
}

function etcdFlags(member: MemberPlace, { file }: CloneTls, quota: number): string[] {
  const { name, url, peerUrl } = member;
  return [
    ...[`--name=${name}`, `--data-dir=${member.dataDirectory}`],
    ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
    ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
    ...[`--initial-cluster=${member.cluster}`, `--initial-cluster-state=${member.state}`],
    ...[`--cert-file=${file("server")}`, `--key-file=${file("serverKey")}`],
    ...["--client-cert-auth", `--trusted-ca-file=${file("ca")}`],
    ...[`--peer-cert-file=${file("peer")}`, `--peer-key-file=${file("peerKey")}`],
    ...["--peer-client-cert-auth", `--peer-trusted-ca-file=${file("ca")}`],
    ...[`--quota-backend-bytes=${quota}`, "--logger=zap", "--log-level=warn"],
  ];
}

/** Waits until a member serves; a program that has ended is told at once, with what it said last. */
export async function untilLeading(
  enclosure: Enclosure,
  name: string,
  endpoint: Endpoint,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const until = Date.now() + limitMs;
  for (;;) {
    const client: MemberClient = openMember(endpoint, signal);
    try {
      const { leader } = await client.status();
      if (leader !== 0n) return;
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
    } finally {
      client.close();
    }
    const ended = enclosure.ended(name);
    if (ended !== undefined || Date.now() > until) {
      const said = (await enclosure.lastLines(name, 3)).join("; ");
      const how = ended ?? `does not serve within ${limitMs / 1000} s`;
      throw new MachineError(
        "environment",
        `the clone's etcd (${name}): ${how}; it said last: ${said}`,
      );
    }
    await delay(100, undefined, { signal });
  }
}
