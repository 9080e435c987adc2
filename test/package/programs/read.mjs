// The same by `import`.
import { inspect, readBackup, SnapshotError } from "etcd-restore/snapshot";

try {
  const { snapshot, backup } = await readBackup(process.argv[2] ?? "");
  const { sha256, revision, live } = snapshot;
  const value = live.value(live.indexOf(Buffer.from("/registry/namespaces/default"))).length;
  const { verdict } = inspect(snapshot);
  snapshot.close();
  console.log(
    JSON.stringify({ name: backup.name, sha256, revision, keys: live.count, value, verdict }),
  );
} catch (error) {
  console.log(JSON.stringify({ refused: error instanceof SnapshotError, why: String(error) }));
}
