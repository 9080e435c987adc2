/** The Pulumi program: settings in, an etcd restored from a backup and proved, outputs out. */
import { program } from "./components/program";
import * as pulumi from "@pulumi/pulumi";
import { onThisComputer } from "./components/on-this-computer";
import { restoreAndProve } from "./components/restore-and-prove";
import { onOpenStack } from "./components/vm/on-openstack";
import { loadSettings } from "./config";

export = program(async () => {
  const settings = loadSettings();
  const made = await (settings.target === "local"
    ? onThisComputer(settings)
    : onOpenStack(settings));
  const { verification, restoredAt } = restoreAndProve(settings, made);

  const { backup, pki } = made;
  const endpoints = pulumi.all(made.endpoints);
  return {
    clientEndpoint: endpoints[0],
    endpoints,
    caCertificate: pki.caCertificate,
    clientCertificate: pki.clientCertificate,
    clientKey: pki.clientKey,
    ...made.outputs,
    snapshot: {
      file: backup.file,
      sha256: backup.sha256,
      revision: backup.revision,
      keys: backup.keys,
      hashKv: backup.hashKv,
      etcdVersion: backup.etcdVersion,
      ...(backup.v2 && { v2: backup.v2 }),
    },
    restored: verification.restored,
    restoredAt,
    verdict: verification.verdict,
    report: verification.reportFile,
  };
});
