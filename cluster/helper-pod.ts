/**
 * Short-lived pods of ours on a node: one that reads a folder of it, and one that asks etcd from there. Each carries
 * our label, is removed when its work is done, and by the next run where that was killed; its own deadline ends it, too.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { visible } from "../etcd/wire/visible";
import { ClusterError } from "./cluster-error";
import type { Kubectl } from "./kubectl";
import { isLeft } from "./own-names";
import { type HelperPod, LABEL } from "./helper-manifests";

/** An image may have to be pulled. */
const START_LIMIT_MS = 120_000;

const Status = z.object({
  status: z.object({
    phase: z.string().optional(),
    message: z.string().optional(),
    containerStatuses: z
      .array(
        z.object({
          name: z.string(),
          ready: z.boolean(),
          state: z
            .object({
              waiting: z
                .object({ reason: z.string().optional(), message: z.string().optional() })
                .optional(),
              terminated: z
                .object({ reason: z.string().optional(), message: z.string().optional() })
                .optional(),
            })
            .optional(),
        }),
      )
      .optional(),
  }),
});
/** What a container waits for that will not come by itself. */
const HOPELESS =
  /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CreateContainerError|CreateContainerConfigError|RunContainerError|StartError|Error|ContainerCannotRun)$/;

/** Makes a pod, waits until all of it runs, does some work with it and removes it, whatever happens. */
export async function withHelperPod<T>(
  kubectl: Kubectl,
  helper: HelperPod,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const remove = () => removePods(kubectl, helper.namespace, [helper.name]);
  const doing = `making a pod to ${helper.purpose}`;
  const input = JSON.stringify(helper.manifest);
  let result: T;
  try {
    await kubectl.run(["create", "-f", "-"], doing, { input });
    await started(kubectl, helper, signal);
    result = await work();
  } catch (error) {
    // The first error is the one to tell: whoever may not make a pod may not remove one either.
    await remove().catch(() => undefined);
    throw error;
  }
  await remove();
  return result;
}

async function started(
  kubectl: Kubectl,
  { name, namespace, purpose }: HelperPod,
  signal: AbortSignal,
): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  let why = "";
  while (Date.now() < end) {
    const answer = await kubectl.run(
      ["get", "pod", name, "-n", namespace, "-o", "json"],
      "waiting for our pod",
    );
    const { status } = Status.parse(JSON.parse(answer));
    const containers = status.containerStatuses ?? [];
    if (containers.length > 0 && containers.every(({ ready }) => ready)) return;
    const states = containers.map(({ name: container, state }) => {
      const what = state?.waiting ?? state?.terminated;
      return { container, reason: what?.reason ?? "", message: what?.message ?? "" };
    });
    const hopeless = states.find(({ reason }) => HOPELESS.test(reason));
    why =
      hopeless === undefined
        ? (status.message ?? status.phase ?? "")
        : `${hopeless.container}: ${hopeless.reason} ${hopeless.message}`;
    if (hopeless !== undefined || status.phase === "Failed") break;
    await sleep(250, undefined, { signal });
  }
  const image = why.includes("Image")
    ? "; --helper-image names an image with sh, cat, rm and sha256sum that the node can have"
    : "";
  throw new ClusterError(
    "environment",
    visible(`the pod to ${purpose} does not start: ${why}${image}`),
    true,
  );
}

/** Removes pods of ours; those that are gone already are no error. Done also after an interrupt, so without its signal. */
export async function removePods(
  kubectl: Kubectl,
  namespace: string,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  const argv = [
    "delete",
    "pod",
    ...names,
    "-n",
    namespace,
    "--ignore-not-found",
    "--grace-period=1",
    "--wait=false",
  ];
  await kubectl.run(argv, "removing our pods", { always: true });
}

const Names = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        creationTimestamp: z.iso.datetime(),
        deletionTimestamp: z.string().optional(),
      }),
      status: z.object({ phase: z.string().optional() }),
    }),
  ),
});

/** Names of the pods that an earlier run has left: killed before it could remove them. One that is going is not left. */
export async function leftPods(kubectl: Kubectl, namespace: string): Promise<readonly string[]> {
  const argv = ["get", "pods", "-n", namespace, "-l", LABEL, "-o", "json"];
  const answer = await kubectl.run(argv, "looking for pods that an earlier run left");
  return Names.parse(JSON.parse(answer))
    .items.filter(({ metadata, status }) => {
      if (metadata.deletionTimestamp !== undefined) return false;
      const seconds = (Date.now() - Date.parse(metadata.creationTimestamp)) / 1000;
      const ended = status.phase === "Succeeded" || status.phase === "Failed";
      return ended || isLeft(metadata.name, seconds);
    })
    .map(({ metadata }) => metadata.name);
}
