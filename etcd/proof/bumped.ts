/** A store that was restored with `--bump-revision --mark-compacted`, as the backup foretells it. */
import { revisionKey } from "../snapshot/revision-key";
import type { Snapshot } from "../snapshot/snapshot";
import { crc32c } from "../wire/crc32c";

/**
 * The same snapshot as a server shows it whose revision was bumped at the restore.
 *
 * etcdutl adds one record without key and value, `by` after the last record there is, and schedules a compaction up to it
 * (etcd `etcdutl/snapshot/v3_snapshot.go`, `saveDB`, `modifyLatestRevision`). So the store's revision and compaction mark
 * are known; each key keeps its value, its own revisions, version and lease, and is read at the new revision; and HashKV
 * there is that of the backup's live records, continued by that one.
 */
export function bumped(snapshot: Snapshot, by: number): Snapshot {
  const revision = snapshot.lastRecordRevision + by;
  const placeholder = revisionKey(revision);
  return {
    ...snapshot,
    revision,
    compactRevision: revision,
    scheduledCompactRevision: revision,
    // Not known: the server finishes it when it starts, and may then still answer with an older mark.
    finishedCompactRevision: 0,
    hashKv(_at, compacted = revision) {
      // Up to the mark only live records count, and the new one is live: those of the file beside it as at the mark.
      const mark = Math.min(compacted, snapshot.revision);
      const kept = compacted <= snapshot.revision || snapshot.live.count > 0;
      return crc32c(placeholder, kept ? snapshot.hashKv(snapshot.revision, mark) : NO_RECORDS);
    },
  };
}

/** HashKV of a store without records: the CRC of the bucket's name, with which each begins. */
const NO_RECORDS = crc32c(Buffer.from("key"));
