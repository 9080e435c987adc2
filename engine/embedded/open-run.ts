import type { EngineOptions } from "../engine";
import type { Mask } from "../mask";
import type { Progress } from "../progress/types";
import type { Project } from "../stack-config";
import { makePassphrase, passphrasesOf, type StackFiles } from "./files";
import { keptKeyOf } from "./kept-key";
import { createLedger } from "./ledger";
import type { Lock } from "./lock";
import { openCrypter, WrongPassphrase, type Crypter } from "./passphrase";
import type { ResourceTypes } from "./resource-type";
import type { Run } from "./run";
import { readState, unseal, type StackState } from "./state-file";
import { createSteps } from "./steps";
import { titleOf } from "./urn";
import { holdsSecret } from "./values";

export interface RunOptions {
  readonly engine: EngineOptions;
  readonly project: Project;
  readonly types: ResourceTypes;
  readonly files: StackFiles;
  readonly preview: boolean;
  /** Without it nothing is written. */
  readonly lock: Lock | undefined;
  /** Everything that is printed or told goes through it. */
  readonly mask: Mask;
  readonly progress: Progress;
  /** Most steps at one time. */
  readonly parallel: number;
}

/** Reads the state, decrypts it, and gets everything ready for one run. Throws when it cannot be read. */
export async function openRun(options: RunOptions): Promise<Run> {
  const { engine, project, types, files, preview, lock, mask, progress, parallel } = options;
  const crypter = keyOf(files, lock !== undefined);
  // A first `up` needs the key with its first step: it is derived while the program starts.
  if (lock !== undefined) crypter().catch(() => undefined);
  const state = await readOpened(files, crypter);

  for (const { inputs, outputs } of state.resources) {
    mask.collect(inputs ?? {});
    mask.collect(outputs ?? {});
  }
  for (const { resource, type } of state.pending) {
    progress.note(
      `warning: ${titleOf(resource.urn)}: an earlier run was cut off while ${type} it; ` +
        "it may have happened in part",
    );
  }
  const ledger = createLedger(state, lock === undefined ? undefined : files.state, crypter);
  const steps = createSteps({
    projectDir: project.programDir,
    ledger,
    lock,
    mask,
    progress,
    signal: engine.signal ?? new AbortController().signal,
    parallel,
    runHere: engine.runHere,
  });
  return {
    identity: { project: project.name, stack: engine.stack },
    preview,
    ledger,
    steps,
    mask,
    progress,
    types,
    registered: new Set(),
    doomed: new Set(),
    outputs: new Map(),
  };
}

/** The state in clear; empty when there is none. */
export async function readOpened(
  files: StackFiles,
  crypter: () => Promise<Crypter> = keyOf(files, false),
): Promise<StackState> {
  const sealed = readState(files.state);
  if (sealed === undefined) return { resources: [], pending: [] };
  const all = [...sealed.resources, ...sealed.pending.map(({ resource }) => resource)];
  const isSealed = all.some(
    ({ inputs, outputs }) => holdsSecret(inputs ?? {}) || holdsSecret(outputs ?? {}),
  );
  return isSealed ? unseal(sealed, await crypter()) : sealed;
}

/** The key of the stack's secrets, derived once and when it is first asked for. */
function keyOf(files: StackFiles, mayWrite: boolean): () => Promise<Crypter> {
  let opened: Promise<Crypter> | undefined;
  return () => {
    opened ??= openKey(files, mayWrite);
    return opened;
  };
}

async function openKey(files: StackFiles, mayWrite: boolean): Promise<Crypter> {
  const salt = readState(files.state)?.salt;
  const candidates = passphrasesOf(files);
  const open = (passphrase: string): Promise<Crypter> =>
    openCrypter(passphrase, salt, keptKeyOf(files, passphrase, mayWrite));
  if (salt === undefined) return await open(candidates[0] ?? makePassphrase(files, mayWrite));
  for (const passphrase of candidates) {
    try {
      return await open(passphrase);
    } catch (error) {
      if (!(error instanceof WrongPassphrase)) throw error;
    }
  }
  const reason =
    candidates.length === 0
      ? "the passphrase that this state was written with is not here"
      : "the passphrase is not the one that this state was written with";
  throw new Error(
    `${reason} (${files.state}): set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the one that ` +
      `was used, or put ${files.passphrase} back`,
  );
}
