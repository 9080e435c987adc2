/** `pods`: the etcd pods of a cluster. */
import Table from "cli-table3";
import type { Command } from "commander";
import type { EtcdPod } from "../../cluster/etcd-pods";
import { findEtcdPods } from "../../cluster/find-pods";
import { openKubectl } from "../../cluster/kubectl";
import { withClusterFlags, type ClusterFlags } from "../cluster";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT } from "../outcome";
import { printJson, printText } from "../terminal";

export function declare(command: Command): void {
  withClusterFlags(
    command.description(
      "Asks a cluster, by kubectl, which of its pods are etcd: that of everything or that of the events, where it runs and " +
        "how it is reached. Knows those of kubeadm, kops, kubespray, OpenShift, RKE2 and any other that runs etcd.",
    ),
  )
    .addHelpText(
      "after",
      "\nExamples:\n  npx etcd-restore pods\n  npx etcd-restore pods --context production --json | jq '.pods[].endpoints'",
    )
    .action(async () => {
      process.exitCode = await pods(command.optsWithGlobals<GlobalOptions & ClusterFlags>());
    });
}

/** Lists the etcd pods of a cluster; returns the exit code. */
async function pods(options: GlobalOptions & ClusterFlags): Promise<number> {
  const kubectl = await openKubectl({ context: options.context, signal: abortOnInterrupt() });
  const found = await findEtcdPods(kubectl, options.namespace);
  if (options.json === true) printJson({ schemaVersion: 1, pods: found });
  else printText(text(found));
  return EXIT.good;
}

function text(found: readonly EtcdPod[]): string {
  const table = new Table({
    head: ["etcd", "pod", "node", "ready", "version", "endpoints", "certificates"],
    style: { head: [], border: [] },
  });
  for (const pod of found) {
    const { certificates } = pod;
    const files = certificates && [certificates.ca, certificates.certificate, certificates.key];
    const cells = [
      pod.cluster,
      `${pod.namespace}/${pod.name}`,
      pod.node,
      pod.ready ? "yes" : "no",
      pod.version ?? "not told",
      pod.endpoints.join("\n") || "not told",
      files?.join("\n") ?? (pod.tls ? "not told" : "none: no TLS"),
    ];
    table.push(cells);
  }
  return table.toString();
}
