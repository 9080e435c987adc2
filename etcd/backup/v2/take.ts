/**
 * Takes a backup of the v2 store out of a data directory, as `etcdctl backup` does, and never changes that directory.
 *
 * The v2 keys can be taken while etcd runs, for its log is only added to. The database of the v3 keys cannot.
 */
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { readFields, unsignedField } from "../../wire/protobuf";
import { manifestFileOf, type ManifestContent } from "../manifest";
import { sealed } from "../seal";
import { TakeError } from "../take/source";
import { lookAtV3 } from "./beside-v3";
import { expectedAnswers } from "./expected-answers";
import { v2Content } from "./manifest";
import { digestOf, readRestorableV2, type RestorableV2 } from "./restorable";
import { idToKeep } from "./members";
import { rewriteMember, type RewrittenFile } from "./rewrite";
import { tarOf } from "./tar-file";
import { readMember, type ReadMember } from "./v2-backup";
import type { V2Source } from "./v2-source";

/** What is to be taken, and where to. */
export interface TakeV2Request {
  readonly source: V2Source;
  /** Absolute: a directory, or a file that ends in `.tar`. */
  readonly output: string;
  /** Whether the v3 keys beside it go with it. @default refused where there are some */
  readonly withV3?: boolean | undefined;
  /** Private key (ed25519, PEM) that signs the manifest. @default it is not signed */
  readonly signKey?: string | undefined;
  readonly tool: string;
  readonly signal: AbortSignal;
}

/** What was taken. */
export interface TakenV2 {
  readonly manifest: ManifestContent;
  readonly notes: readonly string[];
}

/**
 * Writes the backup, reads it again from end to end, gives it its name, and then writes its manifest.
 * @throws TakeError, SnapshotError; then nothing is under the name
 */
export async function takeV2(request: TakeV2Request): Promise<TakenV2> {
  const { source, output, withV3, signal } = request;
  refuseTaken(output);
  const member = readMember(source.files);
  if (member.store === undefined) {
    throw new TakeError("check", `${source.name} holds no key of a v2 store`);
  }
  const v3 = await lookAtV3(source, member, withV3, signal);
  const database = v3.taken ? source.database : undefined;
  const ids = { node: idToKeep(member.members) ?? randomId(), cluster: randomId() };
  const files = rewriteMember(source.files, member, ids, database);
  const part = `${output}.${process.pid}.part`;
  try {
    signal.throwIfAborted();
    await (output.endsWith(".tar") ? writeTar(part, files) : writeDirectory(part, files));
    const manifest = await proved(part, member, request, v3.leftOut);
    signal.throwIfAborted();
    publish(part, output, manifest);
    return { manifest, notes: withV3 === true ? [] : v3.notes };
  } finally {
    fs.rmSync(part, { recursive: true, force: true });
  }
}

/** @throws TakeError when a backup or a manifest has that name already */
export function refuseTaken(output: string): void {
  for (const name of [output, manifestFileOf(output)]) {
    if (fs.existsSync(name)) throw new TakeError("usage", `${name} is there already; name another`);
  }
}

function randomId(): bigint {
  return crypto.randomBytes(8).readBigUInt64BE() | 1n;
}

async function writeTar(part: string, files: readonly RewrittenFile[]): Promise<void> {
  const fd = fs.openSync(part, "wx", 0o600);
  try {
    for await (const bytes of tarOf(files)) fs.writeSync(fd, bytes);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

async function writeDirectory(part: string, files: readonly RewrittenFile[]): Promise<void> {
  fs.mkdirSync(part, { mode: 0o700 });
  for (const { name, content } of files) {
    const file = path.join(part, name);
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    if (Buffer.isBuffer(content)) fs.writeFileSync(file, content, { mode: 0o600, flush: true });
    else {
      await fs.promises.copyFile(content.path, file, fs.constants.COPYFILE_FICLONE);
      fs.chmodSync(file, 0o600);
    }
  }
}

/** Reads what was written, holds it against what was read, and says in a manifest what it is. */
async function proved(
  part: string,
  { store, log }: ReadMember,
  { source, output, signKey, tool, signal }: TakeV2Request,
  leftOut: number | undefined,
): Promise<ManifestContent> {
  const found = await readRestorableV2(part, output, { signal });
  try {
    if (found === undefined || !isSame(found, store)) {
      throw new TakeError(
        "check",
        `what was written to ${output} is not what ${source.name} holds`,
      );
    }
    const metadata = [...readFields(log.metadata)];
    const hex = (field: number) => unsignedField(metadata, field).toString(16);
    const content: ManifestContent = {
      ...{ schemaVersion: 1, tool, takenAt: new Date().toISOString(), ...(await digestOf(found)) },
      source: {
        ...source.place,
        ...{ memberId: hex(1), clusterId: hex(2), etcdVersion: found.etcdVersion },
        revision: found.v3?.revision ?? 0,
        notComparable: "a v2 store has no hash",
      },
      v2: { ...v2Content(found), ...(leftOut !== undefined && { v3KeysLeftOut: leftOut }) },
    };
    return signKey === undefined ? content : sealed(content, signKey);
  } finally {
    found?.close();
  }
}

function isSame(found: RestorableV2, store: ReadMember["store"]): boolean {
  if (store === undefined) return false;
  const { index, nodes } = found.store;
  return index === store.index && expectedAnswers(nodes) === expectedAnswers(store.nodes);
}

/** The manifest last: where there is one, its backup is whole. */
function publish(part: string, output: string, manifest: ManifestContent): void {
  fs.renameSync(part, output);
  const file = manifestFileOf(output);
  const unfinished = `${file}.${process.pid}.part`;
  fs.writeFileSync(unfinished, `${JSON.stringify(manifest, undefined, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  fs.renameSync(unfinished, file);
}
