/** Every encrypted value of a store, opened in memory and held against the key under which it lies. */
import { keyDescriber, type ObjectKey } from "../kubernetes/key";
import { classify } from "../kubernetes/storage";
import { printableKey } from "../wire/keys";
import { resultOf, type Result } from "./batch";
import {
  askPlugins,
  packBatch,
  writtenByFormerKeys,
  type EncryptedValue,
  type StoredKeys,
} from "./batches";
import type { EncryptionConfiguration } from "./configuration";
import type { EncryptionFindings, Impossible, ReaderFinding } from "./findings";
import { openPlugins, type Plugins } from "./kms-plugin";
import { openersHere, openersInThreads, type Openers } from "./openers";
import { chainForKey } from "./open-value";
import { ANY_READER, isEncrypted, readersOf, type Chain, type Readers } from "./readers";

export interface ExamineOptions {
  readonly signal?: AbortSignal;
  /** Told after each batch. */
  readonly onProgress?: (doneValues: number, totalValues: number) => void;
  /** From how many encrypted values on other threads help. Default: 50,000; two threads take a second of work until they are as fast as this one. */
  readonly threadsFrom?: number;
}

const THREADS_FROM = 50_000;

/**
 * Opens every value that begins with `k8s:enc:` with the key that the configuration gives its resource, and looks whether
 * it is the object that its key names. Memory is that of a few batches and of the names of what cannot be read.
 */
export async function examineEncryption(
  live: StoredKeys,
  configuration: EncryptionConfiguration,
  options: ExamineOptions = {},
): Promise<EncryptionFindings> {
  const readers = readersOf(configuration);
  const { encrypted, plain, impossible } = takeStock(live, readers);
  const openers =
    encrypted.length >= (options.threadsFrom ?? THREADS_FROM)
      ? openersInThreads(configuration)
      : await openersHere(configuration);
  const plugins = openPlugins();
  try {
    const tally = tallyOf(readers);
    await openAll({ live, readers, encrypted, openers, plugins, options }, (index, result) => {
      if ("failure" in result) {
        const header = headerOf(live.value(index));
        impossible.push({ key: printableKey(live.key(index)), ...result, ...header });
      } else tally.count(result.reader, result.stale);
    });
    return {
      encrypted: encrypted.length,
      ...tally.result(),
      plain,
      impossible: impossible.sort(byKey),
      pluginProblems: plugins.problems(),
      pluginCalls: plugins.calls(),
    };
  } finally {
    await openers.close();
    plugins.close();
  }
}

/** Who says that he wrote a value. */
function headerOf(value: Buffer): Pick<Impossible, "provider" | "keyName"> {
  const encoding = classify(value);
  if (encoding.kind !== "encrypted") return {};
  return { provider: encoding.provider, keyName: encoding.keyName };
}

function byKey(a: Impossible, b: Impossible): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** What the beginnings of the values tell: those that are encrypted, and what stands in plain. */
function takeStock(live: StoredKeys, readers: Readers) {
  const knownHeads = new Map<number, boolean>([[0, false]]);
  const encrypted: EncryptedValue[] = [];
  const impossible: Impossible[] = [];
  const plain = new Map<string, number>();
  const describe = keyDescriber();
  for (let index = 0; index < live.count; index++) {
    const number = live.headNumber(index);
    if (number === 0) continue;
    let isOne = knownHeads.get(number);
    if (isOne === undefined) {
      const head = live.head(number);
      isOne = isEncrypted(head ?? live.value(index));
      if (head !== undefined) knownHeads.set(number, isOne);
    }
    const key = live.key(index);
    const described = describe(key);
    const chain = chainForKey(described, readers.chainOf);
    if (isOne) encrypted.push({ index, chain });
    else if (described?.kind === "object" && chain !== undefined && chain !== ANY_READER) {
      const state = plainState(readers.chains[chain] ?? []);
      if (state === "impossible") impossible.push({ key: printableKey(key), failure: "plain" });
      if (state !== "meant") countIn(plain, described);
    }
  }
  const found = [...plain].map(([resource, objects]) => ({ resource, objects }));
  return { encrypted, impossible, plain: found.sort((a, b) => b.objects - a.objects) };
}

/** Whether an object in plain is as it is meant, would be encrypted if it were written now, or cannot even be read. */
function plainState(chain: Chain): "meant" | "stale" | "impossible" {
  const at = chain.findIndex(({ provider }) => provider === "identity");
  return at === 0 ? "meant" : at > 0 ? "stale" : "impossible";
}

function countIn(counts: Map<string, number>, { resource, group = "" }: ObjectKey): void {
  const name = group === "" ? resource : `${resource}.${group}`;
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

interface Work {
  readonly live: StoredKeys;
  readonly readers: Readers;
  readonly encrypted: readonly EncryptedValue[];
  readonly openers: Openers;
  readonly plugins: Plugins;
  readonly options: ExamineOptions;
}

/** Opens them batch by batch, as many at once as there are slots; `tell` hears of each, in any order. */
async function openAll(work: Work, tell: (index: number, result: Result) => void): Promise<void> {
  const { live, readers, encrypted, openers, plugins, options } = work;
  const { signal, onProgress } = options;
  const underWay: Promise<void>[] = [];
  let done = 0;
  let failure: { readonly error: unknown } | undefined;
  for (let from = 0; from < encrypted.length && failure === undefined;) {
    signal?.throwIfAborted();
    const slot = await openers.slot();
    const first = from;
    const { values, batch, asked } = packBatch(live, readers, encrypted, first, slot.bytes);
    from += values;
    const former = await writtenByFormerKeys(asked, plugins);
    const opened = slot.open({ ...batch, plainKeys: await askPlugins(asked, plugins) });
    const told = opened.then((results) => {
      for (const [at, number] of results.entries()) {
        const result = resultOf(number);
        const isStale = "stale" in result && former.has(at);
        tell(encrypted[first + at]?.index ?? 0, isStale ? { ...result, stale: true } : result);
      }
      done += values;
      onProgress?.(done, encrypted.length);
    });
    underWay.push(
      told.catch((error: unknown) => {
        failure ??= { error };
      }),
    );
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
}

/** Counts by reader. */
function tallyOf({ all }: Readers) {
  const counts = all.map(() => ({ values: 0, stale: 0 }));
  return {
    count(reader: number, stale: boolean) {
      const one = counts[reader];
      if (one === undefined) return;
      one.values += 1;
      if (stale) one.stale += 1;
    },
    result() {
      const readers = all.flatMap(
        ({ id, provider, version, keyName, place, resources }): readonly ReaderFinding[] =>
          provider === "identity"
            ? []
            : [
                {
                  provider,
                  version,
                  keyName,
                  place,
                  resources,
                  ...(counts[id] ?? { values: 0, stale: 0 }),
                },
              ],
      );
      return {
        opened: counts.reduce((sum, { values }) => sum + values, 0),
        stale: counts.reduce((sum, { stale }) => sum + stale, 0),
        readers,
      };
    },
  };
}
