/** Objects out of a backup, one after the other, in the order in which they can be applied. */
import type { Decryptor } from "../encryption/decryptor";
import { cleaned, madeBy } from "../kubernetes/clean";
import { asKubectlShows, decodeObject, UndecodableError } from "../kubernetes/decode";
import { isJsonList, isJsonObject, type JsonObject } from "../kubernetes/json";
import { servedForm } from "../kubernetes/definition";
import { isBuiltInGroup } from "../kubernetes/key";
import type { ResourceFolder } from "../kubernetes/resource-names";
import type { Selector } from "../kubernetes/selector";
import { printableKey } from "../wire/keys";
import { foldersIn, foldersNamed, keysWanted, parseWanted } from "./kubernetes-keys";
import type { KeyReader } from "../snapshot/snapshot";

export interface ExtractRequest {
  /** `deploy`, `svc/web`, `pods/kube-system/etcd-master`. Empty: all of the namespace, or of the store. */
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly selector?: Selector | undefined;
  /** Without what a server sets, and without what makes itself again. */
  readonly clean: boolean;
}

/** An object, or why there is none. */
export type Extracted =
  | { readonly object: JsonObject }
  /** Not shown, on purpose. */
  | { readonly leftOut: string; readonly resource: string }
  | { readonly problem: string };

/** A word that names nothing; the message says what there is. */
export class NothingNamedError extends Error {}

interface Chosen {
  readonly index: number;
  readonly folder: ResourceFolder;
  /** Whether its type was asked for. */
  readonly asked: boolean;
}

type Store = Pick<KeyReader, "count" | "key" | "value" | "indexOf" | "metadata">;

/**
 * Finds the objects that are wanted and reads them one by one.
 * @throws NothingNamedError at once, when a word names nothing that is there
 */
export function extract(
  live: Store,
  request: ExtractRequest,
  decryptor?: Decryptor,
): AsyncGenerator<Extracted> {
  const definitions = definitionsIn(live);
  const folders = foldersIn(live).map((folder) => ({
    ...folder,
    aliases: definitions.get(`${folder.resource}.${folder.group}`)?.aliases ?? [],
  }));
  const picks = picksOf(live, folders, request);
  return read(live, picks, { request, decryptor, definitions });
}

interface Reading {
  readonly request: ExtractRequest;
  readonly decryptor: Decryptor | undefined;
  readonly definitions: ReadonlyMap<string, Definition>;
}

async function* read(
  live: Store,
  picks: readonly Chosen[],
  { request, decryptor, definitions }: Reading,
): AsyncGenerator<Extracted> {
  for (const { index, folder, asked } of picks) {
    const key = live.key(index);
    const decrypted = await decryptor?.open(key, live.value(index));
    if (decrypted !== undefined && "problem" in decrypted) {
      yield { problem: decrypted.problem };
      continue;
    }
    let object: JsonObject;
    try {
      object = servedForm(decodeObject(decrypted?.value ?? live.value(index)).object);
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      const wayOut = error.reason === "encrypted" ? "; --encryption-config FILE gives its key" : "";
      yield { problem: `${printableKey(key)}: ${error.message}${wayOut}` };
      continue;
    }
    if (request.selector?.(object) === false) continue;
    if (!request.clean) {
      yield { object: asKubectlShows(object, live.metadata(index).modRevision) };
      continue;
    }
    const maker = asked ? undefined : madeBy(object, folder.resource);
    yield maker === undefined
      ? { object: cleaned(object, hasStatus(object, folder, definitions)) }
      : { leftOut: maker, resource: folder.resource };
  }
}

function picksOf(
  live: Store,
  folders: readonly ResourceFolder[],
  { words, namespace }: ExtractRequest,
): readonly Chosen[] {
  const picks = new Map<number, Chosen>();
  const add = (index: number, folder: ResourceFolder, asked: boolean) => {
    if (!picks.has(index)) picks.set(index, { index, folder, asked });
  };
  for (const word of words.flatMap(typesOf)) {
    const wanted = parseWanted(word, namespace);
    const named = wanted === undefined ? [] : foldersNamed(wanted.type, folders);
    if (wanted === undefined || named.length === 0) {
      const there = [...new Set(folders.map(({ resource }) => resource))].sort().join(", ");
      throw new NothingNamedError(
        `it has no ${word}; it has ${there === "" ? "no object at all" : there}`,
      );
    }
    const before = picks.size;
    for (const folder of named) {
      for (const index of keysWanted(live, folder, wanted)) add(index, folder, true);
    }
    if (wanted.name !== undefined && picks.size === before) {
      const where = wanted.namespace === undefined ? "" : ` in namespace ${wanted.namespace}`;
      throw new NothingNamedError(`it has no ${wanted.type} ${wanted.name}${where}`);
    }
  }
  if (words.length === 0) {
    for (const folder of folders) {
      // The namespace itself comes first: what is in it cannot be applied without it.
      const isNamespace = folder.resource === "namespaces" && folder.group === "";
      const wanted = isNamespace && namespace !== undefined ? { name: namespace } : { namespace };
      for (const index of keysWanted(live, folder, definedOnly(wanted))) {
        const inside = live.key(index).toString().slice(folder.folder.length).includes("/");
        if (namespace === undefined || inside || isNamespace) add(index, folder, false);
      }
    }
  }
  return [...picks.values()].sort((a, b) => rank(a.folder) - rank(b.folder) || a.index - b.index);
}

function definedOnly({ namespace, name }: { namespace?: string | undefined; name?: string }) {
  return { ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) };
}

/** `deploy,svc` asks for two types; a name has no comma. */
function typesOf(word: string): readonly string[] {
  return word.includes("/") ? [word] : word.split(",").filter((type) => type !== "");
}

// What others need comes first; what watches over all others last.
const FIRST = [
  ...["namespaces", "customresourcedefinitions", "priorityclasses", "storageclasses"],
  ...["clusterroles", "clusterrolebindings", "serviceaccounts", "roles", "rolebindings"],
  ...[
    "secrets",
    "configmaps",
    "persistentvolumes",
    "persistentvolumeclaims",
    "resourcequotas",
    "limitranges",
    "services",
  ],
];
const LAST = [
  ...["validatingadmissionpolicybindings", "validatingwebhookconfigurations"],
  ...["mutatingwebhookconfigurations", "apiservices"],
];

function rank({ resource }: ResourceFolder): number {
  const first = FIRST.indexOf(resource);
  return first >= 0 ? first : FIRST.length + 1 + LAST.indexOf(resource);
}

/** What a CustomResourceDefinition says of its resource. */
interface Definition {
  readonly aliases: readonly string[];
  /** Versions of which the server keeps `status` apart. */
  readonly withStatus: ReadonlySet<string>;
}

const DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

function definitionsIn(live: Store): ReadonlyMap<string, Definition> {
  const found = new Map<string, Definition>();
  const folder = {
    resource: "customresourcedefinitions",
    group: "apiextensions.k8s.io",
    folder: DEFINITIONS,
  };
  for (const index of keysWanted(live, folder, {})) {
    const spec = specOf(live.value(index));
    if (spec === undefined || !isJsonObject(spec.names)) continue;
    const { plural, singular, kind, shortNames } = spec.names;
    const { group } = spec;
    if (typeof plural !== "string" || typeof group !== "string") continue;
    const names = [singular, kind, ...(isJsonList(shortNames) ? shortNames : [])];
    const versions = isJsonList(spec.versions) ? spec.versions.filter(isJsonObject) : [];
    found.set(`${plural}.${group}`, {
      aliases: names.filter((name) => typeof name === "string").map((name) => name.toLowerCase()),
      withStatus: new Set(
        versions
          .filter(({ subresources }) => isJsonObject(subresources) && "status" in subresources)
          .map(({ name }) => `${group}/${typeof name === "string" ? name : ""}`),
      ),
    });
  }
  return found;
}

function specOf(value: Buffer): JsonObject | undefined {
  try {
    const { spec } = servedForm(decodeObject(value).object);
    return isJsonObject(spec) ? spec : undefined;
  } catch (error) {
    if (error instanceof UndecodableError) return undefined;
    throw error;
  }
}

function hasStatus(
  { apiVersion }: JsonObject,
  { resource, group }: ResourceFolder,
  definitions: ReadonlyMap<string, Definition>,
): boolean {
  const definition = definitions.get(`${resource}.${group}`);
  if (definition !== undefined)
    return typeof apiVersion === "string" && definition.withStatus.has(apiVersion);
  return isBuiltInGroup(group) || group.endsWith(".k8s.io");
}
