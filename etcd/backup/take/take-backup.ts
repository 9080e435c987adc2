/**
 * Takes a backup of one member: its snapshot, proved to be whole and to be what the member says of itself, and the
 * manifest beside it. Nothing is under the backup's name before all of that is done.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { reasonsAgainstRestore } from "../../snapshot/judgement";
import { readSnapshot, SnapshotError } from "../../snapshot/snapshot";
import type { Snapshot } from "../../snapshot/types";
import type { ManifestContent } from "../manifest";
import { keySha256Of, sealed } from "../seal";
import { describe, notesOf } from "./describe";
import { askHash, findPair, type Asked, type HashPair } from "./hash-pair";
import { pack, packingOf } from "./pack";
import { assertRoom, diskError, openNameless, openPart, type PartFile } from "./part-file";
import { receive, type Received } from "./receive";
import { TakeError } from "./source";
import { assertNameFree, publish, copyTo } from "./publish";
import type { Receiving, TakeRequest } from "./take-request";

/** A backup that was taken. */
export interface TakenBackup {
  readonly manifest: ManifestContent;
  readonly keys: number;
  readonly revision: number;
  /** What to know of it; none of it speaks against the file. */
  readonly notes: readonly string[];
}

/**
 * Takes a backup into a file, and writes its manifest `FILE.json`.
 * @throws TakeError, and what the source throws; then nothing is under the name that was not there before
 */
export async function takeBackup(request: TakeRequest): Promise<TakenBackup> {
  const { file, signal } = request;
  assertNameFree(request);
  const packing = packingOf(file);
  const directory = path.dirname(file);
  const part = await openPart(file);
  try {
    // While it is packed, both are there.
    const copies = packing === undefined ? 1 : 2;
    const taken = await receiveProved(request, part, (bytes) => {
      assertRoom(directory, copies * bytes, "the snapshot");
    });
    if (packing === undefined) {
      await publish(part, request, taken.manifest);
      return taken;
    }
    const packedPart = await openPart(`${file}.packed`);
    try {
      const sha256 = taken.manifest.sha256;
      const packed = {
        format: packing,
        ...(await pack(part.path, packedPart, packing, sha256, signal)),
      };
      const manifest = signed({ ...taken.manifest, packed }, request.signKey);
      await publish(packedPart, request, manifest);
      return { ...taken, manifest };
    } finally {
      await packedPart.discard();
    }
  } catch (error) {
    throw diskError(error, file);
  } finally {
    await part.discard();
  }
}

/**
 * Takes a backup onto a stream, which gets it only when it is proved: until then it lies in the temporary directory.
 * @throws as `takeBackup`; then nothing went to the stream
 */
export async function takeBackupTo(
  output: NodeJS.WritableStream,
  request: Omit<TakeRequest, "file" | "overwrite">,
): Promise<TakenBackup> {
  const part = await openNameless();
  try {
    const taken = await receiveProved(request, part, (bytes) => {
      assertRoom(
        path.dirname(fs.realpathSync.native(process.env.TMPDIR ?? "/tmp")),
        bytes,
        "the snapshot",
      );
    });
    await copyTo(output, part.path);
    return taken;
  } catch (error) {
    throw diskError(error, "the temporary file (TMPDIR names its folder)");
  } finally {
    await part.discard();
  }
}

async function receiveProved(
  request: Receiving,
  part: PartFile,
  assertFits: (bytes: number) => void,
): Promise<TakenBackup> {
  const { source, signKey, signal, onProgress } = request;
  // A key that cannot sign is to be told before gigabytes are fetched.
  if (signKey !== undefined) keySha256Of(signKey);
  const state = await source.status();
  assertFits(state.dbBytes);
  let takenAt = new Date();
  let early: Promise<Asked> | undefined;
  const pieces = whenBegun(source.snapshot(), () => {
    takenAt = new Date();
    early = askHash(source, state.revision);
  });
  const received = await receive(pieces, part.handle, (bytes) =>
    onProgress?.(bytes, state.dbBytes),
  );
  const snapshot = await read(part.path, received, signal);
  try {
    signal?.throwIfAborted();
    const pair = await findPair(source, snapshot, (await early) ?? { refused: "not asked" });
    assertIsTheSources(snapshot, pair);
    const content = describe(request, { state, takenAt, received, snapshot, pair });
    return {
      manifest: signed(content, signKey),
      keys: snapshot.live.count,
      revision: snapshot.revision,
      notes: [...reasonsAgainstRestore(snapshot), ...notesOf(snapshot, pair)],
    };
  } finally {
    snapshot.close();
  }
}

/** Passes pieces on; says when the first is there, for then the snapshot is fixed. */
async function* whenBegun(pieces: AsyncIterable<Uint8Array>, begun: () => void) {
  let first = true;
  for await (const piece of pieces) {
    if (first) begun();
    first = false;
    yield piece;
  }
}

/** Reads what was written, from the disk: structure, length by the page count, every record. */
async function read(file: string, received: Received, signal?: AbortSignal): Promise<Snapshot> {
  let snapshot: Snapshot;
  try {
    snapshot = await readSnapshot(file, { digests: false, ...(signal && { signal }) });
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    const problem = error.message.replace(`${file}: `, "");
    throw new TakeError(
      "check",
      `what the source sent is no whole snapshot: ${problem}. Nothing was kept`,
    );
  }
  if (snapshot.sha256 === received.sha256 && snapshot.trailer === "matches") return snapshot;
  snapshot.close();
  throw new TakeError(
    "environment",
    `the disk gives back other bytes than were written to it: sha256 ${snapshot.sha256} instead of ` +
      `${received.sha256}. Nothing was kept`,
  );
}

function assertIsTheSources(snapshot: Snapshot, pair: HashPair): void {
  if ("notComparable" in pair) return;
  const own = snapshot.hashKv(pair.revision, pair.compactRevision);
  if (own === pair.hash) return;
  throw new TakeError(
    "check",
    `ALARM: the snapshot is not what its source says of itself: HashKV at revision ${pair.revision}, compacted to ` +
      `${pair.compactRevision}, is ${own} in the snapshot and ${pair.hash} at the source. One of the two is damaged: ` +
      "ask the other members (give all their endpoints), and check this one's disk. Nothing was kept",
  );
}

function signed(content: ManifestContent, key: string | undefined): ManifestContent {
  return key === undefined ? content : sealed(content, key);
}
