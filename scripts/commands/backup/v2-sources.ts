/** Where `backup --v2` takes a store from, and how its files come here: nothing of them stays beside the backup. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Readable } from "node:stream";
import { withDataDirectory } from "../../../cluster/data-directory";
import type { EtcdPod } from "../../../cluster/etcd-pods";
import { BrokenTransfer } from "../../../cluster/in-pod";
import type { Reaching } from "../../../cluster/reaching";
import {
  BrokenStream,
  receiveMember,
  sendMemberScript,
  type StreamedMember,
} from "../../../etcd/backup/v2/member-stream";
import type { V2Source } from "../../../etcd/backup/v2/v2-source";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
import { size } from "../../../etcd/wire/figures";
import { runOverSsh, type UserSsh } from "../../../machine/ssh/user-ssh";

/** What every way is given. */
export interface Bringing {
  /** The backup that is to come of it: what is copied lies beside it meanwhile. */
  readonly output: string;
  /** Whether the database of the v3 keys is wished for. */
  readonly wantsDatabase: boolean;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** How often files are copied of an etcd that writes to them, or that did not come whole. */
const ATTEMPTS = 3;

/** Copies a member's files from a machine that `ssh` leads to, and does some work with them. */
export function withMemberOverSsh<T>(
  ssh: UserSsh,
  dataDirectory: string,
  bringing: Bringing,
  work: (source: V2Source) => Promise<T>,
): Promise<T> {
  const member = {
    name: `${ssh.destination}:${dataDirectory}`,
    place: { dataDirectory, host: ssh.destination },
    takeV3By: "backup --endpoint",
  };
  const script = {
    script: sendMemberScript(),
    words: [dataDirectory, bringing.wantsDatabase ? "yes" : "no"],
    reads: [path.posix.join(dataDirectory, "member", "wal"), path.posix.join(dataDirectory, "wal")],
  };
  return withCopy(
    member,
    bringing,
    (receive) => runOverSsh(ssh, script, bringing.signal, receive),
    work,
  );
}

/** Copies the files of an etcd pod's member from its node, and does some work with them. */
export function withMemberOfPod<T>(
  reaching: Reaching,
  pod: EtcdPod,
  bringing: Bringing,
  work: (source: V2Source) => Promise<T>,
): Promise<T> {
  const name = `${pod.namespace}/${pod.name}`;
  const dataDirectory = pod.dataDir ?? "";
  const member = {
    name: `${name}:${dataDirectory}`,
    place: { dataDirectory, pod: name },
    takeV3By: "backup --kubernetes",
  };
  const script = { script: sendMemberScript(), words: [bringing.wantsDatabase ? "yes" : "no"] };
  return withCopy(
    member,
    bringing,
    (receive) => withDataDirectory(reaching, pod, script, receive),
    work,
  );
}

type Receive = (stream: Readable) => Promise<V2Source>;

async function withCopy<T>(
  member: Omit<StreamedMember, "wantsDatabase">,
  { output, wantsDatabase, say }: Bringing,
  bring: (receive: Receive) => Promise<V2Source>,
  work: (source: V2Source) => Promise<T>,
): Promise<T> {
  const folder = `${output}.${process.pid}.source.part`;
  for (let attempt = 1; ; attempt += 1) {
    let isRunning = false;
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      const source = await bring((stream) => {
        tellProgress(stream, member.name, say);
        return receiveMember(stream, folder, { ...member, wantsDatabase });
      });
      ({ isRunning } = source);
      return await work(source);
    } catch (error) {
      const isBroken = error instanceof BrokenStream || error instanceof BrokenTransfer;
      // A file that is written to may have been read just then.
      const isTorn = isRunning && error instanceof SnapshotError;
      if (!(isBroken || isTorn) || attempt === ATTEMPTS) throw error;
      say(`${error.message}; once more`);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** Says once a second how much came. */
function tellProgress(stream: Readable, name: string, say: (line: string) => void): void {
  let bytes = 0;
  let last = performance.now();
  stream.on("data", (part: Buffer) => {
    bytes += part.length;
    if (performance.now() - last < 1000) return;
    last = performance.now();
    say(`copying ${name}: ${size(bytes)}`);
  });
}
