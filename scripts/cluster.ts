/** The flags with which a command reaches into a cluster, and what they mean. */
import { type Command, Option } from "commander";
import type { EtcdPod } from "../cluster/etcd-pods";
import { HELPER_IMAGE } from "../cluster/helper-image";
import type { ClientTls } from "../cluster/port-forward";
import { EXIT, UserError } from "./outcome";
import { readCertificate, readPrivateKey } from "./tls-files";

/** The flags that name a cluster. */
export interface ClusterFlags {
  readonly context?: string;
  readonly namespace?: string;
}

/** Adds the flags that name a cluster. */
export function withClusterFlags(
  command: Command,
  namespace = "where the etcd pods are (default: kube-system, openshift-etcd)",
): Command {
  return command
    .option("--context <NAME>", "the kubeconfig's context (default: the current one)")
    .option("-n, --namespace <NAME>", namespace);
}

/** Adds the flags with which a command looks into the living store of a cluster. */
export function withClusterStoreFlags(command: Command): Command {
  const named = command.option("--kubernetes", "the etcd pod of a cluster, through kubectl");
  const namespace = "of objects that are named; with --kubernetes: where the etcd pods are";
  return withHelperImage(withOnly(withClusterFlags(named, namespace)));
}

/** The namespace of objects that are named; with `--kubernetes` the flag says where the etcd pods are. */
export function namespaceOf(
  options: ClusterFlags & { readonly kubernetes?: boolean },
): string | undefined {
  return options.kubernetes === true ? undefined : options.namespace;
}

/** Adds the flag that chooses one etcd, where a cluster has one of its own for events. */
export function withOnly(command: Command): Command {
  return command.addOption(
    new Option("--only <CLUSTER>", "the etcd of everything, or that of the events").choices([
      "main",
      "events",
    ]),
  );
}

/** Adds the flag for the image of our own pods. */
export function withHelperImage(command: Command): Command {
  return command.addOption(
    new Option(
      "--helper-image <IMAGE>",
      "image of our own pods, with sh, cat, df, ls, rm, sha256sum and wc",
    )
      .env("ETCD_RESTORE_HELPER_IMAGE")
      .default(HELPER_IMAGE),
  );
}

/**
 * The pods to look into: one of each etcd, a ready one where there is one.
 * @throws UserError when the one that was asked for is not there
 */
export function choosePods(
  pods: readonly EtcdPod[],
  only: EtcdPod["cluster"] | undefined,
): readonly EtcdPod[] {
  const wanted = (["main", "events"] as const).filter((one) => only === undefined || one === only);
  const chosen = wanted.flatMap((cluster) => {
    const own = pods.filter((pod) => pod.cluster === cluster);
    return own.find(({ ready }) => ready) ?? own[0] ?? [];
  });
  if (chosen.length > 0) return chosen;
  const there = [...new Set(pods.map(({ cluster }) => cluster))].join(", ");
  throw new UserError(
    EXIT.usage,
    `the cluster has no etcd pod of ${only ?? "any kind"}; it has ${there}. Most clusters keep events in the main one`,
  );
}

/** The client's certificates by the flags; undefined when none is given. */
export function clientTls({
  cacert,
  cert,
  key,
}: {
  readonly cacert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}): ClientTls | undefined {
  if (cacert === undefined && cert === undefined && key === undefined) return undefined;
  if (cacert === undefined || cert === undefined || key === undefined) {
    throw new UserError(
      EXIT.usage,
      "--cacert, --cert and --key go together; one of them is missing",
    );
  }
  return {
    ca: readCertificate("--cacert", cacert),
    certificate: readCertificate("--cert", cert),
    key: readPrivateKey("--key", key),
  };
}
