/** Values whose keys a KMS keeps, and a plugin that is absent, slow, another, or wrong. */
import { randomBytes } from "node:crypto";
import {
  sealKmsV1,
  sealKmsV2,
  secretObject,
  wrapKey,
  type Kms,
} from "../../support/encrypted-values";
import type { KmsBehaviour } from "../../support/kms-plugin";
import type { Failure } from "../../../etcd/encryption/open-value";
import type { Random } from "../../support/random";
import type { EncryptedMutant, Kind } from "../mutant";

const VERSIONS = ["v1", "v2"] as const;
type Version = (typeof VERSIONS)[number];
const SECRETS = 8;
const KEYS: Kms = { keyId: "key-1", key: randomBytes(32) };
const SEED = randomBytes(32);
const WRAPPED = wrapKey(KEYS, SEED);

const nameOf = (i: number) => `s${String(i).padStart(2, "0")}`;
const keyOf = (i: number) => `/registry/secrets/shop/${nameOf(i)}`;

function seal(version: Version, i: number, at = i): Buffer {
  const plain = secretObject("shop", nameOf(i));
  const etcdKey = keyOf(at);
  return version === "v1"
    ? sealKmsV1("vault", KEYS, plain, etcdKey)
    : sealKmsV2("vault", KEYS, { plain, etcdKey, seed: SEED, wrapped: WRAPPED });
}

function configuration(apiVersion: Version, timeout: string): string {
  const kms = { apiVersion, name: "vault", endpoint: "unix://SOCKET", timeout };
  return JSON.stringify({
    ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
    resources: [{ resources: ["secrets"], providers: [{ kms }, { identity: {} }] }],
  });
}

interface Change {
  readonly place: string;
  readonly plugin?: KmsBehaviour;
  readonly failure: Failure;
  readonly timeout?: string;
  /** Numbers of values that were sealed for another key. */
  readonly moved?: ReadonlyMap<number, number>;
}

function kmsKind(
  id: string,
  title: string,
  changes: (random: Random, places: number) => readonly Change[],
): Kind {
  return {
    id,
    title,
    mutants: (_, random, places) =>
      VERSIONS.flatMap((version) =>
        changes(random, places).map((change): EncryptedMutant => {
          const {
            place,
            plugin,
            failure,
            timeout = "3s",
            moved = new Map<number, number>(),
          } = change;
          const all = Array.from({ length: SECRETS }, (_unused, i) => i);
          return {
            ...{ place: `kms ${version}: ${place}`, failure },
            ...(plugin && { plugin }),
            entries: () => all.map((i) => [keyOf(i), seal(version, i, moved.get(i))] as const),
            configuration: configuration(version, timeout),
            wrong: (moved.size > 0 ? [...moved.keys()] : all).map(keyOf),
          };
        }),
      ),
  };
}

const REFUSING = { kms: { keyId: "key-1", key: randomBytes(32) } };

export const KMS: readonly Kind[] = [
  kmsKind("kms-absent", "the KMS plugin is absent", () => [
    { place: "no socket", failure: "not-asked" },
  ]),
  kmsKind("kms-slow", "the KMS plugin is slower than its timeout", () =>
    [
      ...[{ place: "2 s", plugin: { kms: KEYS, slowByMs: 2000 }, failure: "not-asked" as const }],
    ].map((change) => ({ ...change, timeout: "100ms" })),
  ),
  kmsKind("kms-other", "the KMS plugin has another key", (_, places) =>
    Array.from({ length: places }, (_unused, i) => ({
      ...{ place: `another key, ${i}`, plugin: REFUSING, failure: "refused" },
    })),
  ),
  kmsKind("kms-wrong", "the KMS plugin gives a wrong key", () => [
    { place: "reversed", plugin: { kms: KEYS, lies: true }, failure: "not-opened" },
  ]),
  kmsKind(
    "kms-moved",
    "a value sealed for another key of etcd, by a key of the KMS",
    (random, places) =>
      Array.from({ length: places }, () => {
        const one = random.below(SECRETS);
        const other = (one + 1 + random.below(SECRETS - 1)) % SECRETS;
        return {
          ...{ place: `sealed at ${other}, lies at ${one}`, plugin: { kms: KEYS } },
          ...{ failure: "not-opened" as const, moved: new Map([[one, other]]) },
        };
      }),
  ),
];
