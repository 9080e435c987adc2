/**
 * `npm run mutation -- --bits N`: single bits at random places of a snapshot, the sha256 at its end made to fit, as etcd
 * itself makes it when it sends a page that was damaged on its disk. Whatever the reader calls restorable a real etcd of
 * the version that wrote it must restore, start on and serve with the figures that the reader states.
 *
 * Starting an etcd for each would take hours, so those that the reader takes are tried some at a time: the bits of a
 * group all in one file, which the reader must take too, and one by one only where etcd does not. What stops an etcd stops
 * it with other damage beside, too; a sample of them is asked for alone all the same. Of those refused a sample is asked
 * for, to count the refusals of files that an etcd would have served.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { reasonsAgainstRestore } from "../../etcd/snapshot/judgement";
import { readSnapshot, SnapshotError } from "../../etcd/snapshot/snapshot";
import { withTrailer } from "../support/bbolt-builder";
import { createRandom } from "../support/random";
import { readBase } from "./base";
import { FORMS, withForm } from "./kinds/forms";
import { databaseOf } from "./mutant";
import { askRealEtcd, figuresOf, type Figures } from "./real-etcd";

export interface BitsOptions {
  /** A snapshot that a real etcd of this minor wrote. */
  readonly file: Buffer;
  readonly version: string;
  readonly bits: number;
  readonly seed: number;
  /** How many at a time are tried of those that the reader takes. */
  readonly group: number;
  /** How many of those taken are tried alone besides. */
  readonly alone: number;
  /** How many of those refused are tried. */
  readonly refused: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (text: string) => void;
}

/** A bit, and what became of it. */
export interface JudgedBit {
  readonly bit: string;
  readonly detail: string;
}

export interface BitsResult {
  readonly version: string;
  readonly bits: number;
  /** Taken by the reader. */
  readonly taken: number;
  readonly etcdStarts: number;
  /** Taken, and etcd or etcdutl fails or has other figures. */
  readonly wrong: readonly JudgedBit[];
  /** Refused, and asked of etcd. */
  readonly refusedAsked: number;
  /** Of these: those that etcd would have served, with the reader's reason. */
  readonly falseRefusals: readonly JudgedBit[];
  /** The reasons of all refusals, numbers left out, by how often they came. */
  readonly reasons: Readonly<Record<string, number>>;
}

interface Bit {
  readonly byte: number;
  readonly bit: number;
}

export async function measureBits(options: BitsOptions): Promise<BitsResult> {
  const { file, version, signal, onProgress } = options;
  const random = createRandom(`${options.seed} bits ${version}`);
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bits-"));
  const path = join(directory, "mutant.db");
  let etcdStarts = 0;
  const database = databaseOf(file);
  const place = ({ byte, bit }: Bit) => `bit ${bit} of byte ${byte}`;
  const make = (flips: readonly Bit[]) => {
    const bytes = Buffer.from(database);
    for (const { byte, bit } of flips) bytes.writeUInt8((bytes[byte] ?? 0) ^ (1 << bit), byte);
    return withTrailer(bytes);
  };
  const ask = async (flips: readonly Bit[], figures: Figures | undefined) => {
    signal?.throwIfAborted();
    etcdStarts += 1;
    const scratch = await mkdtemp(join(directory, "ask-"));
    const mutant = join(scratch, "mutant.db");
    await writeFile(mutant, make(flips));
    const wrong = await askRealEtcd(mutant, version, scratch, figures);
    await rm(scratch, { recursive: true, force: true });
    return wrong;
  };
  const read = async (flips: readonly Bit[]) => {
    await writeFile(path, make(flips));
    return judge(path);
  };
  try {
    await mkdir(directory, { recursive: true });
    const taken: { flip: Bit; figures: Figures }[] = [];
    const refused: { flip: Bit; reason: string }[] = [];
    for (let i = 0; i < options.bits; i++) {
      signal?.throwIfAborted();
      const flip = { byte: random.below(database.length), bit: random.below(8) };
      const found = await read([flip]);
      if ("reason" in found) refused.push({ flip, reason: found.reason });
      else taken.push({ flip, figures: found.figures });
    }
    onProgress?.(`etcd ${version}: the reader takes ${taken.length} of ${options.bits} bits`);

    const wrong: JudgedBit[] = [];
    const judgeGroup = async (group: readonly { flip: Bit; figures: Figures }[]): Promise<void> => {
      const flips = group.map(({ flip }) => flip);
      const together = await read(flips);
      const detail = "reason" in together ? together.reason : await ask(flips, together.figures);
      const [only] = group;
      if (detail === undefined || only === undefined) return;
      if (group.length === 1) {
        wrong.push({ bit: place(only.flip), detail });
        return;
      }
      const half = group.length >> 1;
      await judgeGroup(group.slice(0, half));
      await judgeGroup(group.slice(half));
    };
    for (let from = 0; from < taken.length; from += options.group) {
      await judgeGroup(taken.slice(from, from + options.group));
      onProgress?.(`etcd ${version}: ${from + options.group} of ${taken.length} confirmed`);
    }
    for (const { flip, figures } of random.sample(taken, options.alone)) {
      const detail = await ask([flip], figures);
      if (detail !== undefined) wrong.push({ bit: `${place(flip)} (alone)`, detail });
    }
    const falseRefusals: JudgedBit[] = [];
    const asked = random.sample(refused, options.refused);
    for (const { flip, reason } of asked) {
      if ((await ask([flip], undefined)) === undefined) {
        falseRefusals.push({ bit: place(flip), detail: reason });
      }
    }
    const reasons = new Map<string, number>();
    for (const { reason } of refused) {
      const kind = withoutNumbers(reason);
      reasons.set(kind, (reasons.get(kind) ?? 0) + 1);
    }
    return {
      version,
      bits: options.bits,
      taken: taken.length,
      etcdStarts,
      wrong,
      refusedAsked: asked.length,
      falseRefusals,
      reasons: Object.fromEntries([...reasons].sort(([, a], [, b]) => b - a)),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A form of a known value, what the reader says of it, and what a real etcd does. */
export interface JudgedForm {
  readonly what: string;
  readonly right: boolean;
  /** The reader's reason; undefined: taken. */
  readonly refused?: string;
  /** What went wrong in etcd; undefined: it serves the file, with the reader's figures where there are some. */
  readonly etcd?: string;
}

/** Has each of `FORMS` judged by the reader and by a real etcd. */
export async function judgeForms(
  version: string,
  signal?: AbortSignal,
): Promise<readonly JudgedForm[]> {
  const base = readBase();
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-forms-"));
  const results: JudgedForm[] = [];
  try {
    for (const form of FORMS) {
      signal?.throwIfAborted();
      const path = join(directory, "form.db");
      await writeFile(path, withForm(base, form));
      const found = await judge(path);
      const figures = "reason" in found ? undefined : found.figures;
      const etcd = await askRealEtcd(path, version, directory, figures);
      results.push({
        what: form.what,
        right: form.right === true,
        ...("reason" in found ? { refused: found.reason } : {}),
        ...(etcd === undefined ? {} : { etcd }),
      });
    }
    return results;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function judge(
  path: string,
): Promise<{ readonly figures: Figures } | { readonly reason: string }> {
  try {
    const snapshot = await readSnapshot(path);
    try {
      const [reason] = reasonsAgainstRestore(snapshot);
      return reason === undefined ? { figures: figuresOf(snapshot) } : { reason };
    } finally {
      snapshot.close();
    }
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    return { reason: error.problem };
  }
}

/** `page 5, byte 20600: element 3 …` without what is different each time. */
function withoutNumbers(reason: string): string {
  return reason
    .replace(/^page \d+(, byte \d+)?: /, "")
    .replace(/"[^"]*"|0x[0-9a-f]+|[0-9a-f]{8,}|\d+(\.\d+)*/g, "…")
    .slice(0, 140);
}
