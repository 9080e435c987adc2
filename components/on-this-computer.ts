/** What is made where the target is `local`, before a backup is restored into it. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { LocalSettings } from "../settings/types";
import { LocalEtcd } from "./local-etcd";
import { Pki } from "./pki";
import { preflight } from "./preflight";

/** An etcd as a process of this user, on loopback. */
export async function onThisComputer(settings: LocalSettings<pulumi.Output<string>>) {
  const { labDirectory } = settings;
  // Before anything is made, and in preview too: a backup or a computer that will not do stops here.
  const { backup, members } = await preflight(settings);

  const pki = new Pki("pki", {
    addresses: ["127.0.0.1"],
    dnsNames: ["localhost"],
    clientDirectory: path.join(labDirectory, "client"),
  });

  const etcds = members.map(
    ({ name, ...member }) =>
      new LocalEtcd(name, {
        ...member,
        etcdVersion: backup.servedBy,
        etcdPrograms: settings.etcdPrograms,
        backupBytes: backup.bytes,
        v2: backup.v2 !== undefined,
        pki: pki.files,
      }),
  );
  const endpoints = etcds.map(({ clientEndpoint }) => clientEndpoint);
  const [etcd] = etcds;
  return {
    backup,
    pki,
    machines: etcds.map(({ machine }) => machine),
    endpoints,
    etcdVersion: backup.servedBy,
    ssh: [],
    kubernetesOn: "here" as const,
    reboot: false,
    phases: { install: etcd?.installSeconds },
    outputs: { etcdctl: etcd?.etcdctl(pki.clientDirectory, pulumi.all(endpoints).apply(String)) },
  };
}
