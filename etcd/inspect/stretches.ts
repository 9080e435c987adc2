/** Keys that can be counted together: those of one folder, by what their values begin with. */
import { describeKey, slashesIn, TELLING_SLASHES, type KeyDescription } from "../kubernetes/key";
import { objectType, type ObjectType } from "../kubernetes/object-type";
import { classify, type StorageEncoding } from "../kubernetes/storage";
import type { LiveKeys } from "../snapshot/snapshot";

/** The live keys `[first, end)`, of which Kubernetes says the same but for the name. */
export interface Stretch {
  readonly first: number;
  readonly end: number;
  /** Of the first key. */
  readonly described: KeyDescription | undefined;
}

/** How a value is stored, and what type it names. */
export interface StoredForm {
  readonly encoding: StorageEncoding;
  readonly type: ObjectType | undefined;
}

/** Number and value bytes of some keys. */
export interface Counted {
  keys: number;
  valueBytes: number;
}

const SLASH = 0x2f;
/** Enough for the type of an object whose other members come first, and for the header of an encrypted value. */
const HEAD_BYTES = 512;

/** All live keys, in order. */
export function* describedStretches(live: LiveKeys): Generator<Stretch> {
  for (let first = 0; first < live.count;) {
    const key = live.key(first);
    const end = slashesIn(key) >= TELLING_SLASHES ? live.folderEnd(first) : first + 1;
    // A name that is empty makes a key that Kubernetes does not write.
    if (key.at(-1) === SLASH && end > first + 1) {
      yield { first, end: first + 1, described: describeKey(key.toString()) };
      first += 1;
    } else {
      yield { first, end, described: describeKey(key.toString()) };
      first = end;
    }
  }
}

export function sumOf(live: LiveKeys, first: number, end: number): Counted {
  let valueBytes = 0;
  for (let i = first; i < end; i++) valueBytes += live.valueBytes(i);
  return { keys: end - first, valueBytes };
}

/** Tells the form of a key's value; forms of the same kind are the same object. */
export function storedForms(live: LiveKeys): (i: number) => StoredForm {
  const known = new Map<number, StoredForm | undefined>();
  const NOTHING: StoredForm = { encoding: { kind: "binary" }, type: undefined };
  known.set(0, NOTHING);
  known.set(1, undefined);
  return (i) => {
    const number = live.headNumber(i);
    if (!known.has(number)) known.set(number, formOfHead(live.head(number)));
    return known.get(number) ?? formOf(live.value(i).subarray(0, HEAD_BYTES));
  };
}

function formOf(head: Buffer): StoredForm {
  const encoding = classify(head);
  return { encoding, type: objectType(head, encoding.kind) };
}

/** Undefined when the rest of the value may say more: what comes first in a JSON object need not be its type. */
function formOfHead(head: Buffer | undefined): StoredForm | undefined {
  if (head === undefined) return undefined;
  const form = formOf(head);
  const isWhole =
    form.encoding.kind !== "json" ||
    (form.type !== undefined && form.type.apiVersion !== "" && form.type.kind !== "");
  return isWhole ? form : undefined;
}

/** The keys of a stretch by the form of their values, in the order in which the forms appear. */
export function amountsByForm(
  live: LiveKeys,
  first: number,
  end: number,
  formOf: (i: number) => StoredForm,
): Iterable<{ readonly form: StoredForm; readonly amount: Counted }> {
  const amounts = new Map<StoredForm, { form: StoredForm; amount: Counted }>();
  for (let i = first; i < end; i++) {
    const form = formOf(i);
    let found = amounts.get(form);
    if (found === undefined) {
      found = { form, amount: { keys: 0, valueBytes: 0 } };
      amounts.set(form, found);
    }
    found.amount.keys += 1;
    found.amount.valueBytes += live.valueBytes(i);
  }
  return amounts.values();
}
