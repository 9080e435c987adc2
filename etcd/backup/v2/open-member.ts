/** The files of an etcd member, out of its data directory or an archive of one. */
import * as fs from "node:fs";
import { statOf } from "../../../files/plain-file";
import { openSource, readFully } from "../../snapshot/file";
import { findDataDirectory } from "../data-directory";
import { HEAD_BYTES, isArchive, isCompression, kindOf } from "../kinds";
import type { MemberFiles } from "../member-files";
import { openUnnamedPlace } from "../place";
import { unpack } from "../unpack";

/** To be disposed of. */
export interface OpenedMember {
  /** A plain file with its database; absent in a directory of etcd 2, which had none. */
  readonly database?: string | undefined;
  readonly files: MemberFiles;
  dispose(): void;
}

/**
 * Opens a data directory, or an archive of one; undefined for anything else.
 * @throws SnapshotError when an archive is damaged, NoRoomError
 */
export async function openMember(
  file: string,
  signal?: AbortSignal,
): Promise<OpenedMember | undefined> {
  if (statOf(file)?.isDirectory() === true) {
    const found = findDataDirectory(file);
    if (found === undefined) return undefined;
    return { database: found.database?.path, files: found.files, dispose: () => undefined };
  }
  const kind = kindOf(headOf(file));
  if (!isArchive(kind) && !isCompression(kind)) return undefined;
  const { place, beside } = await unpack(file, kind, {
    openPlace: () => openUnnamedPlace(file),
    openOther: () => openUnnamedPlace(file),
    ...(signal === undefined ? {} : { signal }),
  });
  const database = place?.finish();
  const dispose = () => {
    database?.dispose();
    beside?.dispose();
  };
  if (beside !== undefined) return { database: database?.path, files: beside.files, dispose };
  dispose();
  return undefined;
}

function headOf(file: string): Buffer {
  const source = openSource(file);
  try {
    const head = Buffer.alloc(Math.min(HEAD_BYTES, source.size));
    readFully(source, head, 0);
    return head;
  } finally {
    fs.closeSync(source.fd);
  }
}
