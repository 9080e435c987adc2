import type { EtcdPrograms } from "../../machine/programs/programs";
import { withTrailer } from "../support/bbolt-builder";
import type { Failure } from "../../etcd/encryption/open-value";
import type { KmsBehaviour } from "../support/kms-plugin";
import type { Random } from "../support/random";
import type { Span } from "./anatomy";
import type { Base } from "./base";

/** One damaged thing in place of the good backup. */
export type Mutant = FileMutant | DirectoryMutant | EncryptedMutant | UseMutant;

/** A file that somebody would restore. */
export interface FileMutant {
  /** What was done to it, and where. */
  readonly place: string;
  make(): Buffer;
}

/** A data directory on which somebody would start etcd. */
export interface DirectoryMutant {
  readonly place: string;
  /** Fills an empty directory; in `scratch` it may do what it needs for that. */
  fill(directory: string, scratch: string, programs: EtcdPrograms): Promise<void>;
}

/** A store that was saved so, hashes and all; only the API server's keys tell what is wrong with it. */
export interface EncryptedMutant {
  readonly place: string;
  entries(): readonly (readonly [key: string, value: Buffer])[];
  /** An EncryptionConfiguration. */
  readonly configuration: string;
  /** The keys that must be named, in their order, and no other. */
  readonly wrong: readonly string[];
  /** The KMS plugin that listens where the configuration says `SOCKET`. Default: none does. */
  readonly plugin?: KmsBehaviour;
  /** Why they cannot be read. Default: any reason. */
  readonly failure?: Failure;
}

/** A store of Kubernetes that was saved so, hashes and all; only who knows the objects sees what is wrong with it. */
export interface UseMutant {
  readonly place: string;
  make(): Buffer;
  /** The checks of the proof of use that must fail, and no other. */
  readonly fails: readonly string[];
  /** What their reasons must say. */
  readonly named: readonly string[];
}

/** A way in which a backup goes wrong. */
export interface Kind {
  readonly id: string;
  readonly title: string;
  /** At most about `places` mutants for each way to do it; fewer where there are not so many places. */
  mutants(base: Base, random: Random, places: number): readonly Mutant[];
  /**
   * Why another meaning of such a mutant is known only by the SHA-256 that the manifest holds, because neither HashKV nor
   * any answer of etcd tells. Default: that must not be.
   */
  readonly manifestOnly?: string | undefined;
}

const TRAILER_BYTES = 32;

/** A snapshot without its trailer; a copy. */
export function databaseOf(file: Buffer): Buffer {
  return Buffer.from(file.subarray(0, file.length - TRAILER_BYTES));
}

/**
 * Damage to the database, twice: with the trailer as it was, as storage and transport do it, and with one that fits
 * again, as a source that was damaged before the backup gives it.
 */
export function inDatabase(
  file: Buffer,
  place: string,
  damage: (database: Buffer) => Buffer | undefined,
): readonly FileMutant[] {
  const make = () => {
    const database = databaseOf(file);
    return damage(database) ?? database;
  };
  const trailer = file.subarray(file.length - TRAILER_BYTES);
  return [
    { place: `${place}; old trailer`, make: () => Buffer.concat([make(), trailer]) },
    { place: `${place}; right trailer`, make: () => withTrailer(make()) },
  ];
}

/** One bit of each of so many of the spans' bytes. */
export function bits(
  { good }: Base,
  spans: readonly Span[],
  random: Random,
  places: number,
): readonly FileMutant[] {
  const some = spans.filter(({ bytes }) => bytes > 0);
  // Every span at least once before one comes again: fields differ more than the bytes of one field do.
  const chosen = some.length >= places ? random.sample(some, places) : repeat(some, places);
  return chosen.flatMap(({ at, bytes, what }) => {
    const byte = at + random.below(bytes);
    const bit = random.below(8);
    return inDatabase(good.file, `${what}, bit ${bit} of byte ${byte}`, (database) => {
      database.writeUInt8((database[byte] ?? 0) ^ (1 << bit), byte);
      return undefined;
    });
  });
}

function repeat<T>(items: readonly T[], count: number): readonly T[] {
  return Array.from(
    { length: items.length === 0 ? 0 : count },
    (_, i) => items[i % items.length],
  ).filter((item) => item !== undefined);
}
