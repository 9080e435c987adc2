/** The flag that says which kube-apiserver is to come up. */
import { InvalidArgumentError, Option } from "commander";

/** `off`, `auto`, `next`, or a version of Kubernetes. */
export function kubernetesFlag(): Option {
  return new Option(
    "--kubernetes <VERSION>",
    "which kube-apiserver comes up: 1.35, 1.35.4, auto (the cluster's own minor, as the backup tells), next (the minor after), off",
  ).argParser((text: string) => {
    if (/^(off|auto|next|v?1\.\d+(\.\d+)?)$/.test(text)) return text;
    throw new InvalidArgumentError("It must be off, auto, next, or a version like 1.35 or 1.35.4.");
  });
}
