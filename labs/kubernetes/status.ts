/** What runs of the lab, and how it is used. */
import * as fs from "node:fs";
import { z } from "zod";
import { toolsDirOf } from "../../machine/programs/find";
import { memoryOf } from "../namespaced";
import { kubectl, KUBECONFIG } from "./bring-up";
import { BUSYBOX } from "./images";
import { DOOR, findNode } from "./node";
import { kubernetesDir, KUBERNETES } from "./programs";

export interface LabStatus {
  readonly running: boolean;
  readonly memoryMiB?: number;
  readonly processes?: number;
  /** Each pod, `NAMESPACE/NAME`, and whether it is ready. */
  readonly pods?: Readonly<Record<string, boolean>>;
  /** Variables that make kubectl use it, and our pods take an image that its node has. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Folder with a kubectl of the cluster's own version. */
  readonly programs?: string;
}

const Pods = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), namespace: z.string() }),
      status: z.object({
        conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
      }),
    }),
  ),
});

/** Asks the lab itself. */
export async function labStatus(): Promise<LabStatus> {
  const pid = findNode();
  if (pid === undefined || !fs.existsSync(KUBECONFIG)) return { running: false };
  const toolsDir = toolsDirOf({});
  const answer: unknown = JSON.parse(await kubectl(toolsDir, ["get", "pods", "-A", "-o", "json"]));
  const pods = Pods.parse(answer).items.map(({ metadata, status }) => {
    const ready = status.conditions?.some((one) => one.type === "Ready" && one.status === "True");
    return [`${metadata.namespace}/${metadata.name}`, ready ?? false] as const;
  });
  const { mib, processes } = memoryOf(pid);
  return {
    running: true,
    memoryMiB: Math.round(mib),
    processes,
    pods: Object.fromEntries(pods),
    environment: { KUBECONFIG, ETCD_RESTORE_HELPER_IMAGE: `lab.local/busybox:${BUSYBOX}` },
    programs: kubernetesDir(toolsDir),
  };
}

/** For people; or only what a shell evaluates. */
export function statusText(status: LabStatus, onlyEnvironment = false): string {
  const { running, pods = {}, environment = {}, programs = "" } = status;
  const lines = Object.entries(environment).map(([name, value]) => `export ${name}=${value}\n`);
  const exports = `${lines.join("")}export PATH=${programs}:$PATH\n`;
  if (onlyEnvironment) return running ? exports : "";
  if (!running) return "The lab does not run. `npm run lab:kubernetes -- up` starts it.\n";
  const waiting = Object.entries(pods).filter(([, ready]) => !ready);
  return (
    `The lab runs: Kubernetes ${KUBERNETES} at https://${DOOR}, ${Object.keys(pods).length} pods` +
    `${waiting.length === 0 ? "" : `; NOT ready: ${waiting.map(([name]) => name).join(", ")}`}\n` +
    `Memory: ${status.memoryMiB ?? 0} MiB in ${status.processes ?? 0} processes.\n` +
    `Use it as its administrator:\n\n${exports}\n`
  );
}
