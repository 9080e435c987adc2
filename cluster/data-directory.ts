/** The data directory of an etcd pod: its files, read on its node by a short-lived pod of ours. */
import { Readable } from "node:stream";
import { ClusterError } from "./cluster-error";
import { pathOnNode, type EtcdPod } from "./etcd-pods";
import { withHelperPod } from "./helper-pod";
import { dataPod, FOLDER, type HelperPod, READER, SCRATCH } from "./helper-manifests";
import { describeFile, execIn, fileThere } from "./in-pod";
import type { Reaching } from "./reaching";

/**
 * The pod that reads it, before it is made.
 * @throws ClusterError when the data of etcd's pod is in no folder of its node
 */
export function plannedDataPod({ helperImage }: Reaching, pod: EtcdPod): HelperPod {
  const folder = pathOnNode(pod, pod.dataDir ?? "");
  if (folder === undefined) {
    throw new ClusterError(
      "usage",
      `${pod.namespace}/${pod.name} does not say which folder of its node etcd has its data in, so it cannot be read there`,
    );
  }
  return dataPod(pod, helperImage, folder);
}

/**
 * Runs a script of ours there and does some work with what it wrote to its stdout: that is kept in the pod first, so
 * that its length and hash on both sides tell whether it came whole.
 * @param script a text for `sh`, told the data directory as its first word
 * @param words what it is told besides
 */
export async function withDataDirectory<T>(
  reaching: Reaching,
  pod: EtcdPod,
  { script, words }: { readonly script: string; readonly words: readonly string[] },
  work: (stream: Readable) => Promise<T>,
): Promise<T> {
  const { kubectl, signal } = reaching;
  const helper = plannedDataPod(reaching, pod);
  return withHelperPod(kubectl, helper, signal, async () => {
    const target = { namespace: helper.namespace, pod: helper.name, container: READER };
    const file = `${SCRATCH}/files`;
    // The file's name comes first, the script is the second word of the inner shell's, and the rest are the script's.
    const keep = 'out=$1; text=$2; shift 2; sh -c "$text" send-member "$@" >"$out"';
    const argv = ["sh", "-c", keep, "sh", file, script, FOLDER, ...words];
    await execIn(kubectl, target, argv, `reading the data directory of ${pod.name}`);
    const expected = await describeFile(kubectl, target, file);
    return work(Readable.from(fileThere(kubectl, target, file, expected)));
  });
}
