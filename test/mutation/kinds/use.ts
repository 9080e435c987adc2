/**
 * A Kubernetes store that is whole to etcd, hashes and all, and that no cluster could be run on: saved with objects lost,
 * swapped, broken, or stored as nobody reads them. Only who knows what the objects are sees it.
 */
import { buildDatabase, etcdBuckets } from "../../support/bbolt-builder";
import { snapshotBytes } from "../../support/kubernetes-fixtures";
import type { Random } from "../../support/random";
import { dissect } from "../anatomy";
import type { Kind, UseMutant } from "../mutant";
import { versionsOf } from "../records";

const DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
const WIDGETS = "/registry/example.com/widgets/";
const NAMESPACES = "/registry/namespaces/";
/** Namespaces of the store that hold more than events. */
const OWN = ["shop", "team-a", "monitoring", "ingress-nginx", "kube-system"];

type Store = Map<string, Buffer>;

/** The objects of a real API server but for one very large one, by key; read once. */
let objects: Store | undefined;
function storeOfObjects(): Store {
  if (objects === undefined) {
    objects = new Map();
    const name = "kubernetes-1.35-main.db" as const;
    const file = snapshotBytes(name);
    for (const { key, value, tombstone } of versionsOf({ name, file, anatomy: dissect(file) })) {
      const text = key.toString("latin1");
      if (tombstone) objects.delete(text);
      else if (text.startsWith("/registry/") && value.length < 100_000) objects.set(text, value);
    }
  }
  return new Map(objects);
}

interface Change {
  readonly place: string;
  readonly change: (store: Store) => void;
  /** Checks that must fail, and no other. */
  readonly fails: readonly string[];
  /** What they must name. */
  readonly named: readonly string[];
}

function useKind(
  id: string,
  title: string,
  changes: (random: Random, places: number, store: Store) => readonly Change[],
): Kind {
  return {
    id,
    title,
    mutants: (_, random, places) =>
      changes(random, places, storeOfObjects()).map(
        ({ place, change, fails, named }): UseMutant => ({
          ...{ place, fails, named },
          make() {
            const store = storeOfObjects();
            change(store);
            const entries = [...store].sort(([a], [b]) => (a < b ? -1 : 1));
            const versions = entries.map(([key, value], i) => ({
              ...{ main: i + 2, create: i + 2, key: Buffer.from(key, "latin1"), value },
            }));
            return buildDatabase({ buckets: etcdBuckets(versions) }).bytes;
          },
        }),
      ),
  };
}

const namesUnder = (store: Store, prefix: string) =>
  [...store.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));

/** So many pairs of two different ones. */
function pairs(random: Random, places: number, of: readonly string[]) {
  return Array.from({ length: places }, () => {
    const one = random.below(of.length);
    const other = (one + 1 + random.below(of.length - 1)) % of.length;
    return [of[one] ?? "", of[other] ?? ""] as const;
  });
}

function swapped(resource: string, id: string, title: string): Kind {
  const prefix = `/registry/${resource}/`;
  return useKind(id, title, (random, places, store) =>
    pairs(random, places, namesUnder(store, prefix)).map(([one, other]) => ({
      place: `${one} and ${other}`,
      change(changed) {
        const value = changed.get(prefix + one) ?? Buffer.alloc(0);
        changed.set(prefix + one, changed.get(prefix + other) ?? Buffer.alloc(0));
        changed.set(prefix + other, value);
      },
      fails: ["kubernetes-keys"],
      named: [`${resource} ${one}: under its key lies`, `${resource} ${other}: under its key lies`],
    })),
  );
}

function textIn(store: Store, key: string): string {
  return store.get(key)?.toString() ?? "";
}

export const USE: readonly Kind[] = [
  swapped("secrets", "use-secrets-swapped", "the bytes of two Secrets in plain swapped"),
  useKind("use-other-key", "an object under another's key", (random, places, store) => {
    const prefix = "/registry/configmaps/";
    return pairs(random, places, namesUnder(store, prefix)).map(([one, other]) => ({
      place: `${one} at ${other}`,
      change: (changed) =>
        changed.set(prefix + other, changed.get(prefix + one) ?? Buffer.alloc(0)),
      fails: ["kubernetes-keys"],
      named: [`configmaps ${other}: under its key lies the object ${one}`],
    }));
  }),
  useKind("use-namespace-lost", "a namespace lost, its objects stay", () =>
    OWN.map((name) => ({
      place: name,
      change: (changed) => changed.delete(NAMESPACES + name),
      fails: ["kubernetes-namespaces"],
      named: [`missing: ${name} (`],
    })),
  ),
  useKind("use-definition-lost", "a definition lost, its resources stay", (_, __, store) =>
    namesUnder(store, DEFINITIONS).map((name) => ({
      place: name,
      change: (changed) => changed.delete(DEFINITIONS + name),
      fails: ["kubernetes-crds"],
      named: [`${name} has no definition`],
    })),
  ),
  useKind(
    "use-version-gone",
    "a storage version that is not served any more",
    (random, places, store) =>
      namesUnder(store, WIDGETS).flatMap((name) =>
        Array.from({ length: Math.ceil(places / 10) }, () => `v${2 + random.below(7)}alpha1`).map(
          (version) => ({
            place: `${name} in ${version}`,
            change(changed: Store) {
              const old = textIn(changed, WIDGETS + name).replace(
                "example.com/v1",
                `example.com/${version}`,
              );
              changed.set(WIDGETS + name, Buffer.from(old));
            },
            fails: ["kubernetes-crds"],
            named: [`storage version ${version} is not defined any more (${name})`],
          }),
        ),
      ),
  ),
  useKind("use-version-unserved", "a definition that serves its storage version no more", () => [
    {
      place: "widgets.example.com",
      change(changed) {
        const key = `${DEFINITIONS}widgets.example.com`;
        const text = textIn(changed, key).replace(
          '"name":"v1","served":true',
          '"name":"v1","served":false',
        );
        changed.set(key, Buffer.from(text));
      },
      fails: ["kubernetes-crds"],
      named: ["widgets.example.com: storage version v1 is not served"],
    },
  ]),
  useKind("use-broken-json", "a custom resource whose JSON is cut off", (random, places, store) =>
    Array.from({ length: places }, () => random.pick(namesUnder(store, WIDGETS))).map((name) => {
      // The last byte is a newline, which nobody misses.
      const bytes = 2 + random.below((store.get(WIDGETS + name)?.length ?? 0) - 3);
      return {
        place: `${name} without its last ${bytes} bytes`,
        change: (changed: Store) =>
          changed.set(
            WIDGETS + name,
            changed.get(WIDGETS + name)?.subarray(0, -bytes) ?? Buffer.alloc(0),
          ),
        fails: ["kubernetes-keys"],
        named: [`widgets.example.com ${name}: the value is damaged`],
      };
    }),
  ),
];
