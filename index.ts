/** The Pulumi program: settings in, an etcd restored from a backup and proved, outputs out. */
import * as path from "node:path";
import { LocalEtcd } from "./components/local-etcd";
import { Pki } from "./components/pki";
import { preflight } from "./components/preflight";
import { SnapshotRestore } from "./components/snapshot-restore";
import { Verification } from "./components/verification";
import { loadSettings } from "./config";

export = async () => {
  const settings = loadSettings();
  const { labDirectory } = settings;

  // Before anything is made, and in preview too: a backup or a computer that will not do stops here.
  const { backup, instanceId } = await preflight(settings);

  const pki = new Pki("pki", {
    addresses: ["127.0.0.1"],
    dnsNames: ["localhost"],
    clientDirectory: path.join(labDirectory, "client"),
  });

  const etcd = new LocalEtcd("etcd", {
    ...settings,
    directory: path.join(labDirectory, "etcd"),
    instanceId,
    etcdVersion: backup.servedBy,
    backupBytes: backup.bytes,
    pki: pki.files,
  });

  const restore = new SnapshotRestore("restore", { backup, machine: etcd.machine });

  const verification = new Verification("verification", {
    ...settings,
    backup,
    level: settings.verification,
    endpoint: etcd.clientEndpoint,
    clientDirectory: pki.clientDirectory,
    restored: restore.result,
    phases: {
      install: etcd.installSeconds,
      restore: restore.seconds.restore,
      start: restore.seconds.start,
    },
    reportDirectory: labDirectory,
  });

  return {
    clientEndpoint: etcd.clientEndpoint,
    caCertificate: pki.caCertificate,
    clientCertificate: pki.clientCertificate,
    clientKey: pki.clientKey,
    etcdctl: etcd.etcdctl(pki.clientDirectory),
    snapshot: {
      sha256: backup.sha256,
      revision: backup.revision,
      keys: backup.keys,
      hashKv: backup.hashKv,
      etcdVersion: backup.etcdVersion,
    },
    restored: verification.restored,
    verdict: verification.verdict,
    report: verification.reportFile,
  };
};
