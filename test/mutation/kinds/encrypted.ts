/**
 * Encrypted values that every hash calls good, because they were saved so: moved, swapped, cut, or under a key that the API
 * server does not have. Only who opens them sees it.
 */
import { randomBytes } from "node:crypto";
import { sealBox, sealCbc, sealGcm, secretObject } from "../../support/encrypted-values";
import type { Random } from "../../support/random";
import type { EncryptedMutant, Kind } from "../mutant";

type Provider = "aescbc" | "aesgcm" | "secretbox";
const PROVIDERS: readonly Provider[] = ["aescbc", "aesgcm", "secretbox"];
const SECRETS = 12;
const KEY = randomBytes(32);

const keyOf = (i: number) => `/registry/secrets/shop/s${String(i).padStart(2, "0")}`;
const plainOf = (i: number) => secretObject("shop", `s${String(i).padStart(2, "0")}`);

function seal(provider: Provider, i: number, plain = plainOf(i), at = i, key = KEY): Buffer {
  if (provider === "aescbc") return sealCbc("k", key, plain);
  return provider === "aesgcm" ? sealGcm("k", key, plain, keyOf(at)) : sealBox("k", key, plain);
}

function configuration(provider: Provider, key = KEY, name = "k"): string {
  const keys = [{ name, secret: key.toString("base64") }];
  return JSON.stringify({
    ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
    resources: [
      { resources: ["secrets"], providers: [{ [provider]: { keys } }, { identity: {} }] },
    ],
  });
}

interface Change {
  readonly place: string;
  /** Values in place of the good ones, by their number. */
  readonly values?: ReadonlyMap<number, Buffer>;
  readonly configuration?: string;
  /** Numbers of those that must be named; all of them where it is not said. */
  readonly wrong?: readonly number[];
}

function encryptedKind(
  id: string,
  title: string,
  changes: (provider: Provider, random: Random, places: number) => readonly Change[],
): Kind {
  return {
    id,
    title,
    mutants: (_, random, places) =>
      PROVIDERS.flatMap((provider) =>
        changes(provider, random, places).map((change): EncryptedMutant => {
          const all = Array.from({ length: SECRETS }, (_unused, i) => i);
          return {
            place: `${provider}: ${change.place}`,
            entries: () =>
              all.map((i) => [keyOf(i), change.values?.get(i) ?? seal(provider, i)] as const),
            configuration: change.configuration ?? configuration(provider),
            wrong: (change.wrong ?? all).map(keyOf),
          };
        }),
      ),
  };
}

/** So many numbers of Secrets, each with another one. */
function pairs(random: Random, places: number): readonly (readonly [one: number, other: number])[] {
  return Array.from({ length: places }, () => {
    const one = random.below(SECRETS);
    return [one, (one + 1 + random.below(SECRETS - 1)) % SECRETS] as const;
  });
}

export const ENCRYPTED: readonly Kind[] = [
  encryptedKind(
    "encrypted-wrong-key",
    "the key of the configuration is another",
    (provider, _, places) =>
      Array.from({ length: places }, (_unused, i) => ({
        place: `another key, ${i}`,
        configuration: configuration(provider, randomBytes(32)),
      })),
  ),
  encryptedKind("encrypted-lost-key", "the configuration has no key of that name", (provider) => [
    { place: "another name", configuration: configuration(provider, KEY, "k2") },
  ]),
  encryptedKind(
    "encrypted-swapped",
    "the bytes of two Secrets swapped",
    (provider, random, places) =>
      pairs(random, places).map(([one, other]) => ({
        place: `${one} and ${other}`,
        values: new Map([
          [one, seal(provider, other)],
          [other, seal(provider, one)],
        ]),
        wrong: [one, other].sort((a, b) => a - b),
      })),
  ),
  encryptedKind(
    "encrypted-moved",
    "a value sealed for another key of etcd, with the right name in it",
    (provider, random, places) =>
      provider === "aesgcm"
        ? pairs(random, places).map(([one, other]) => ({
            place: `sealed at ${other}, lies at ${one}`,
            values: new Map([[one, seal(provider, one, plainOf(one), other)]]),
            wrong: [one],
          }))
        : [],
  ),
  encryptedKind(
    "encrypted-cut",
    "a value cut off, at a block of its cipher and elsewhere",
    (provider, random, places) =>
      pairs(random, places).flatMap(([one]) =>
        [16, 1 + random.below(15), 32].map((bytes) => ({
          place: `${bytes} bytes of ${one}`,
          values: new Map([[one, seal(provider, one).subarray(0, -bytes)]]),
          wrong: [one],
        })),
      ),
  ),
  encryptedKind(
    "encrypted-bit",
    "a bit of an encrypted value, where its cipher or its object tells",
    (provider, random, places) =>
      pairs(random, places).map(([one]) => {
        const value = seal(provider, one);
        const header = value.lastIndexOf(":k:") + 3;
        // aescbc proves nothing of the data itself: there the vector, which decides over magic and type.
        const at = header + random.below(provider === "aescbc" ? 16 : value.length - header);
        value.writeUInt8((value[at] ?? 0) ^ (1 << random.below(8)), at);
        return {
          place: `byte ${at - header} of ${one}`,
          values: new Map([[one, value]]),
          wrong: [one],
        };
      }),
  ),
];
