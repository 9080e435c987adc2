// What is typed of the reader, used as its pages say; only compiled.
import { readBackup, type KeyMetadata, type Snapshot } from "etcd-restore/snapshot";

export async function newest(file: string): Promise<readonly [string, KeyMetadata] | undefined> {
  const { snapshot } = await readBackup(file, { signal: AbortSignal.timeout(60_000) });
  try {
    return newestOf(snapshot);
  } finally {
    snapshot.close();
  }
}

function newestOf({ live }: Snapshot): readonly [string, KeyMetadata] | undefined {
  let found: readonly [string, KeyMetadata] | undefined;
  for (let i = 0; i < live.count; i++) {
    const metadata = live.metadata(i);
    if (found === undefined || metadata.modRevision > found[1].modRevision) {
      found = [live.key(i).toString("utf8"), metadata];
    }
  }
  return found;
}
