/**
 * What would happen next to a cluster that comes up on this store, read from the file: what garbage collection would
 * take, what waits for somebody who is gone, which certificates and tokens have run out. Names and dates, never a value.
 */
import { X509Certificate } from "node:crypto";
import { isJsonObject, type JsonObject } from "../etcd/kubernetes/json";
import { describeKey } from "../etcd/kubernetes/key";
import type { KeyReader } from "../etcd/snapshot/types";
import { counted } from "../etcd/wire/figures";
import { visible } from "../etcd/wire/visible";
import { decoded, listIn, objectIn, textIn } from "./members";
import { resourceName } from "./objects";

const DAY_MS = 24 * 3600 * 1000;
/** Certificates that run out within so many days are told. */
const SOON_DAYS = 30;
const NAMED = 5;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** An object by `resource NAMESPACE/NAME`, and what it waits for or stands on. */
interface Seen {
  readonly uids: Set<string>;
  readonly nodes: Set<string>;
  readonly owned: { readonly what: string; readonly owners: readonly string[] }[];
  readonly deleting: string[];
  /** How many pods are on a node. */
  readonly bound: Map<string, number>;
  readonly certificates: string[];
  readonly tokens: string[];
}

/** The notes, a sentence each; none where there is nothing to tell. Encrypted and damaged objects are passed over. */
export function nextSteps(live: KeyReader, now = new Date()): readonly string[] {
  const seen: Seen = {
    ...{ uids: new Set(), nodes: new Set(), owned: [], deleting: [], bound: new Map() },
    ...{ certificates: [], tokens: [] },
  };
  for (let index = 0; index < live.count; index++) {
    const described = describeKey(live.key(index).toString());
    if (described?.kind !== "object" || described.resource === "events") continue;
    const object = decoded(live.value(index));
    if (object === undefined) continue;
    const { namespace, name, resource, group = "" } = described;
    const at = namespace === undefined ? name : `${namespace}/${name}`;
    look(seen, object, resourceName(resource, group), visible(at), now);
  }
  const orphans = seen.owned.filter(({ owners }) => owners.every((uid) => !seen.uids.has(uid)));
  const lost = [...seen.bound].filter(([node]) => !seen.nodes.has(node));
  const pods = lost.reduce((sum, [, count]) => sum + count, 0);
  return [
    ...note(
      orphans.map(({ what }) => what),
      (n) => `${counted(n, "object")} would be collected as garbage: no owner is in the backup`,
    ),
    ...note(seen.deleting, (n) => `${counted(n, "object")} under deletion, held by a finalizer`),
    ...note(
      lost.map(([node]) => node),
      (n) =>
        `${counted(pods, "pod")} would be evicted: ${counted(n, "node")} they are on are missing`,
    ),
    ...note(
      seen.certificates,
      (n) => `${counted(n, "certificate")} in Secrets ran out or will soon`,
    ),
    ...note(seen.tokens, (n) => counted(n, "bootstrap token")),
  ];
}

/** `SENTENCE: a, b and 3 more`. */
function note(names: readonly string[], sentence: (count: number) => string): readonly string[] {
  if (names.length === 0) return [];
  const named = names.slice(0, NAMED);
  const more = names.length - named.length;
  const list = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return [`${sentence(names.length)}: ${list}`];
}

function look(seen: Seen, object: JsonObject, resource: string, at: string, now: Date): void {
  const metadata = objectIn(object, "metadata");
  const what = `${resource} ${at}`;
  seen.uids.add(textIn(metadata, "uid"));
  const owners = listIn(metadata, "ownerReferences").filter(isJsonObject);
  if (owners.length > 0) {
    seen.owned.push({ what, owners: owners.map((owner) => textIn(owner, "uid")) });
  }
  const finalizers = listIn(metadata, "finalizers").length + specFinalizers(object);
  if (textIn(metadata, "deletionTimestamp") !== "" && finalizers > 0) seen.deleting.push(what);
  if (resource === "nodes") seen.nodes.add(at);
  if (resource === "pods") {
    const node = textIn(objectIn(object, "spec"), "nodeName");
    if (node !== "") seen.bound.set(node, (seen.bound.get(node) ?? 0) + 1);
  }
  if (resource === "secrets") lookAtSecret(seen, object, at, now);
}

/** A namespace's finalizer stands in its spec. */
function specFinalizers(object: JsonObject): number {
  return listIn(objectIn(object, "spec"), "finalizers").length;
}

function lookAtSecret(seen: Seen, object: JsonObject, at: string, now: Date): void {
  const data = objectIn(object, "data");
  if (textIn(object, "type") === "bootstrap.kubernetes.io/token") {
    const until = Buffer.from(textIn(data, "expiration"), "base64").toString();
    const date = new Date(until);
    const known = !Number.isNaN(date.getTime());
    const over = known && date <= now ? ", ran out" : "";
    seen.tokens.push(`${at}${known ? ` (until ${dayOf(date)}${over})` : " (without an end)"}`);
  }
  for (const [name, value] of Object.entries(data)) {
    if (typeof value !== "string" || !/\.(crt|pem|cert)$/.test(name)) continue;
    const until = firstEnd(Buffer.from(value, "base64").toString());
    if (until === undefined || until.getTime() > now.getTime() + SOON_DAYS * DAY_MS) continue;
    const how = until <= now ? "ran out" : "runs out";
    seen.certificates.push(`${at} ${visible(name)} (${how} ${dayOf(until)})`);
  }
}

/** When the first of the certificates in a text runs out. */
function firstEnd(text: string): Date | undefined {
  const ends = (text.match(CERTIFICATE) ?? []).flatMap((pem) => {
    try {
      return [new Date(new X509Certificate(pem).validTo)];
    } catch {
      return [];
    }
  });
  return ends.sort((a, b) => a.getTime() - b.getTime())[0];
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
