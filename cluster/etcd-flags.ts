/** The settings of an etcd as its container's command line and environment give them. */

/** What of a container is read here (Kubernetes' `Container`). */
export interface ContainerCommand {
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?:
    readonly { readonly name: string; readonly value?: string | undefined }[] | undefined;
  readonly image: string;
}

/** The program that serves, and its settings by the flags' names, without dashes. */
export interface EtcdFlags {
  /** `etcd`, or `etcd-manager`, which starts one. */
  readonly program: "etcd" | "etcd-manager";
  readonly flags: ReadonlyMap<string, string>;
}

/**
 * The settings of the etcd that a container runs; undefined when it runs none.
 *
 * Reads plain commands (kubeadm), scripts for a shell that end in `exec etcd …` (OpenShift, kops), images whose entry
 * is etcd, and `ETCD_…` in the environment, over which flags win as they do in etcd.
 */
export function etcdFlags(container: ContainerCommand): EtcdFlags | undefined {
  const words = [...(container.command ?? []), ...(container.args ?? [])].flatMap((word) =>
    /\s/.test(word) ? shellWords(word) : [word],
  );
  const at = words.findLastIndex((_, i) => isProgram(words, i));
  const program =
    programOf(words[at] ?? "") ??
    // Without a command the image's own entry runs; flags alone are given to it.
    (container.command === undefined && imageName(container.image) === "etcd" ? "etcd" : undefined);
  if (program === undefined) return undefined;
  const flags = new Map<string, string>();
  for (const { name, value } of container.env ?? []) {
    if (!name.startsWith("ETCD_") || value === undefined) continue;
    flags.set(name.slice("ETCD_".length).toLowerCase().replaceAll("_", "-"), value);
  }
  for (const [name, value] of flagsOf(words.slice(at + 1))) flags.set(name, value);
  return { program, flags };
}

/** Whether a word is the program that is run, and not a folder of the same name: flags, an operator or nothing follow. */
function isProgram(words: readonly string[], i: number): boolean {
  const [before = "", word = "", after = ""] = [words[i - 1], words[i], words[i + 1]];
  if (programOf(word) === undefined || /^--[a-z-]+$/.test(before)) return false;
  return after === "" || /^(-|[;|&<>()]|\d$)/.test(after);
}

function programOf(word: string): EtcdFlags["program"] | undefined {
  if (word.startsWith("-") || word.includes("=")) return undefined;
  const name = word.split("/").at(-1);
  return name === "etcd" || name === "etcd-manager" ? name : undefined;
}

/** `registry:5000/coreos/etcd:v3.5.9@sha256:…` is `etcd`; `rancher/hardened-etcd` is one, too. */
export function imageName(image: string): string {
  const name = (image.split("@")[0] ?? "").split("/").at(-1)?.split(":")[0] ?? "";
  return /(^|-)etcd$/.test(name) ? "etcd" : name;
}

/** `--name=value`, `--name value` and `--name` alone, which is `true`. */
function* flagsOf(words: readonly string[]): Generator<readonly [string, string]> {
  for (const [i, word] of words.entries()) {
    const flag = /^--?([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(word);
    const [, name, value] = flag ?? [];
    if (name === undefined) continue;
    const next = words[i + 1];
    yield [name, value ?? (next === undefined || next.startsWith("-") ? "true" : next)];
  }
}

/** Splits a script into words about as a shell does: enough for flags, whose values have no blanks. */
export function shellWords(script: string): readonly string[] {
  const words = script
    .replace(/\\\r?\n/g, " ")
    .match(/(?:"[^"]*"|'[^']*'|[^\s"';|&<>()])+|[;|&<>()]/g);
  return (words ?? []).map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
