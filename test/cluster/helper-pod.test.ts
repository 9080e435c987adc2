/** Which pods of ours a run calls left by an earlier one. */
import { expect, it } from "vitest";
import { leftPods } from "../../cluster/helper-pod";
import type { Kubectl } from "../../cluster/kubectl";
import { ownName } from "../../cluster/own-names";

/** As each pod of ours from this computer is called, up to its process. */
const [OURS = ""] = /^etcd-restore-[0-9a-f]+-/.exec(ownName()) ?? [];
/** Above the largest that Linux gives. */
const NOBODY = 2 ** 22 + 1;

interface Pod {
  readonly pid: number;
  readonly phase: string;
  readonly deletionTimestamp?: string;
}

function answering(pods: readonly Pod[]): Kubectl {
  const items = pods.map(({ pid, phase, deletionTimestamp }, at) => ({
    metadata: {
      name: `${OURS}${pid}-00000${at}`,
      creationTimestamp: new Date().toISOString(),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    status: { phase },
  }));
  return { run: () => Promise.resolve(JSON.stringify({ items })) } as unknown as Kubectl;
}

it.each<[string, Pod, boolean]>([
  ["of a run that was killed", { pid: NOBODY, phase: "Running" }, true],
  ["that ended by its own deadline", { pid: process.pid, phase: "Failed" }, true],
  ["of a run that is at work", { pid: process.pid, phase: "Running" }, false],
  [
    "that was removed a moment ago and is going",
    { pid: NOBODY, phase: "Running", deletionTimestamp: new Date().toISOString() },
    false,
  ],
])("a pod %s", async (_, pod, isLeft) => {
  expect(await leftPods(answering([pod]), "kube-system")).toHaveLength(isLeft ? 1 : 0);
});
