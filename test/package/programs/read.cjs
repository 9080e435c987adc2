// Reads a backup by `require`, without etcd and without Pulumi.
const { readBackup, inspect, SnapshotError } = require("etcd-restore/snapshot");

readBackup(process.argv[2] ?? "").then(
  ({ snapshot, backup }) => {
    const { sha256, revision, live } = snapshot;
    const value = live.value(live.indexOf(Buffer.from("/registry/namespaces/default"))).length;
    const { verdict } = inspect(snapshot);
    snapshot.close();
    console.log(
      JSON.stringify({
        name: backup.name,
        sha256,
        revision,
        keys: live.count,
        value,
        verdict,
      }),
    );
  },
  (error) =>
    console.log(JSON.stringify({ refused: error instanceof SnapshotError, why: String(error) })),
);
