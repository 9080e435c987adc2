/** The v3 keys beside a v2 store that is taken: they go along or are left out as was asked for, and never without a word. */
import { readSnapshot } from "../../snapshot/snapshot";
import { SnapshotError } from "../../snapshot/snapshot-error";
import { counted } from "../../wire/figures";
import { TakeError } from "../take/source";
import type { ReadMember } from "./v2-backup";
import type { V2Source } from "./v2-source";

/** What becomes of them. */
export interface V3Look {
  readonly taken: boolean;
  /** Keys that are left out, as far as they could be counted. */
  readonly leftOut?: number | undefined;
  readonly notes: readonly string[];
}

const UNCOUNTED: V3Look = {
  taken: false,
  notes: ["its v3 keys, if it has some, are left out"],
};

/** @throws TakeError where some are there and nobody has said what to do with them, or they cannot be taken */
export async function lookAtV3(
  { name, database, hasDatabase, isRunning, takeV3By }: V2Source,
  { store, log }: ReadMember,
  withV3: boolean | undefined,
  signal: AbortSignal,
): Promise<V3Look> {
  if (!hasDatabase) return { taken: false, notes: [] };
  if (isRunning && withV3 !== false) {
    throw new TakeError(
      "usage",
      `an etcd runs on ${name}, and its v3 keys cannot be copied under it: stop it, or give --without-v3 and ` +
        `take them with \`${takeV3By}\``,
    );
  }
  if (isRunning || database === undefined) return UNCOUNTED;
  const found = await countV3(database, signal);
  const later = (store?.v3Writes ?? []).filter((index) => index > found.applied).length;
  if (found.keys + later === 0) return { taken: false, notes: [] };
  const what = `${counted(found.keys, "key")} of the v3 store${later > 0 ? `, and ${counted(later, "later v3 write")} in its log` : ""}`;
  if (withV3 === undefined) {
    throw new TakeError(
      "usage",
      `${name} holds ${what} too: --with-v3 takes them along, --without-v3 leaves them out`,
    );
  }
  if (withV3 && found.applied > log.state.commit) {
    throw new TakeError("check", `${name}: its database is newer than its log`);
  }
  return withV3
    ? { taken: true, notes: [] }
    : { taken: false, leftOut: found.keys, notes: [`left out: ${what}`] };
}

async function countV3(
  database: string,
  signal: AbortSignal,
): Promise<{ readonly keys: number; readonly applied: number }> {
  try {
    const snapshot = await readSnapshot(database, { digests: false, signal });
    snapshot.close();
    return { keys: snapshot.live.count, applied: snapshot.consistentIndex ?? 0 };
  } catch (error) {
    if (error instanceof SnapshotError && error.kind === "no-key-bucket") {
      return { keys: 0, applied: 0 };
    }
    throw error;
  }
}
