/** What can be looked at in the etcd that `start` has left running: a folder and a key that are there, and its etcdctl. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { OutputValue } from "../engine/engine";
import { openEtcd } from "../etcd/client/etcd-client";
import { EtcdError } from "../etcd/client/etcd-error";
import { nearestServed, servedKey } from "../etcd/inspect/served-keys";
import type { Report } from "../etcd/report/report";
import { printableKey } from "../etcd/wire/keys";
import { programTyped, typed } from "./project";
import { shellWord } from "./shell-word";

/** What every Kubernetes has, and reads well. */
const OF_KUBERNETES = "/registry/namespaces/default";

/** A folder and a key of the store to begin with; of an empty one, or one that does not let us look, nothing. */
export async function firstSights(
  outputs: Readonly<Record<string, OutputValue>>,
  signal: AbortSignal,
): Promise<readonly [folder: string | undefined, key: string | undefined]> {
  const text = (name: string): string => {
    const value = outputs[name]?.value;
    return typeof value === "string" ? value : "";
  };
  const tls = {
    ca: text("caCertificate"),
    certificate: text("clientCertificate"),
    key: text("clientKey"),
  };
  const client = openEtcd({ url: text("clientEndpoint"), tls }, signal);
  try {
    if ((await servedKey(client, Buffer.from(OF_KUBERNETES))) !== undefined) {
      return ["/registry/", OF_KUBERNETES];
    }
    const keys = await nearestServed(client, Buffer.alloc(0));
    const first = keys.count === 0 ? undefined : keys.key(0);
    if (first === undefined) return [undefined, undefined];
    const slash = first.indexOf("/", 1);
    const folder = slash < 0 ? first : first.subarray(0, slash + 1);
    return [printableKey(folder), printableKey(first)];
  } catch (error) {
    // With authentication on it asks who we are; the proof has told what there is to tell.
    if (error instanceof EtcdError) return [undefined, undefined];
    throw error;
  } finally {
    client.close();
  }
}

/** Name of the command in the lab's folder that is etcdctl with everything that this etcd asks for. */
const ETCDCTL = "etcdctl";

/**
 * Writes `etcdctl` into the lab's folder, so that nobody has to paste its flags. Up to 3.5 it would speak v2 where the shell
 * asks for that, and later ones warn of it.
 * @param commandLine the stack's output, ready for a shell
 * @returns what to type, undefined when the stack has no such output
 */
export function writeEtcdctl(lab: string, commandLine: unknown): string | undefined {
  if (typeof commandLine !== "string") return undefined;
  const file = path.join(lab, ETCDCTL);
  const script = `#!/bin/sh
# etcdctl for the etcd of this folder; \`${typed("stop")}\` takes it away.
unset ETCDCTL_API
exec ${commandLine} "$@"
`;
  if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== script) {
    fs.writeFileSync(file, script, { mode: 0o700 });
  }
  return fromHere(file);
}

/** What there is to look at, and with what. */
export interface Sights {
  /** What `firstSights` and `writeEtcdctl` gave. */
  readonly folder: string | undefined;
  readonly key: string | undefined;
  readonly etcdctl: string | undefined;
  readonly report: Pick<Report, "v2" | "snapshot">;
  /** What our commands must be told besides. */
  readonly flag: string;
}

/** What to type, line by line: only what shows something of the store, or stores, that were restored. */
export function waysToLook(sights: Sights): readonly string[] {
  const { folder, key, etcdctl, report, flag } = sights;
  const hasV3 = report.v2 === undefined || report.snapshot.keys > 0;
  return [
    ...(folder === undefined ? [] : [`${programTyped()} ls ${shellWord(folder)}${flag}`]),
    ...(key === undefined ? [] : [`${programTyped()} get ${shellWord(key)}${flag}`]),
    ...(hasV3 && etcdctl !== undefined ? [`${etcdctl} get / --prefix --keys-only --limit=20`] : []),
    ...(report.v2 === undefined ? [] : [`${programTyped()} ls / --v2${flag}`]),
  ];
}

function fromHere(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith("..") ? file : `./${relative}`;
}

/** Paths in the lab's folder that `start` makes beside what the stack holds. */
export function ownPaths(lab: string): readonly string[] {
  return [path.join(lab, ETCDCTL)];
}
