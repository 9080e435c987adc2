/**
 * kubectl, which people have with their contexts, plugins and proxies. Never with a TTY, never `cp`, and its exit code
 * alone is believed only where it is not 0: `exec` ends with 0 also when the kubelet died on the way.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { ClusterError } from "./cluster-error";
import { failureOf, type KubectlFailure } from "./words";

/** The oldest kubectl that this is meant for; all that is used of it is older still. */
const OLDEST_MINOR = 24;
/** Without a limit kubectl waits for ever for an API server that does not answer. */
const REQUEST_LIMIT_S = 30;
const INSTALL = "see https://kubernetes.io/docs/tasks/tools/";

/** Which cluster, and as whom. */
export interface ClusterOptions {
  /** @default the kubeconfig's current one */
  readonly context?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A kubectl that has been found to be one. */
export interface Kubectl {
  /** Runs it to its end and gives its stdout; rejects with a `ClusterError` that says what was being done. */
  run(argv: readonly string[], doing: string, options?: RunOptions): Promise<string>;
  /** Starts it; ends with the process and with the signal. */
  start(argv: readonly string[]): KubectlProcess;
}

export interface RunOptions {
  /** For its stdin. @default nothing */
  readonly input?: string;
  /** Also after an interrupt: to clean up. @default false */
  readonly always?: boolean;
}

export type KubectlProcess = ChildProcessByStdio<null, Readable, Readable>;

/** Whether a failure closes only the way that was tried. */
export function closesOneWay({ kind }: KubectlFailure): boolean {
  return kind === "forbidden" || kind === "unable" || kind === "not-found";
}

/**
 * Looks for kubectl on PATH and asks for its version.
 * @throws ClusterError when there is none or it is too old
 */
export async function openKubectl({ context, signal }: ClusterOptions): Promise<Kubectl> {
  const base = context === undefined ? [] : [`--context=${context}`];
  async function run(
    argv: readonly string[],
    doing: string,
    { input, always = false }: RunOptions = {},
  ): Promise<string> {
    // Not for streams: the limit would end them, however lively.
    const limit = argv[0] === "exec" ? [] : [`--request-timeout=${REQUEST_LIMIT_S}s`];
    const child = spawn("kubectl", [...base, ...limit, ...argv], {
      stdio: ["pipe", "pipe", "pipe"],
      ...(signal === undefined || always ? {} : { signal }),
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    // A kubectl that ends before it has read its input says why on stderr.
    child.stdin.on("error", () => undefined).end(input);
    try {
      const [stdout, stderr, code] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        ended,
      ]);
      if (code === 0) return stdout;
      const failure = failureOf(stderr, doing);
      throw new ClusterError(
        failure.kind === "usage" ? "usage" : "environment",
        failure.message,
        closesOneWay(failure),
      );
    } catch (error) {
      if (!always) signal?.throwIfAborted();
      if (error instanceof Error && "code" in error && error.code === "ENOENT") {
        throw new ClusterError("environment", `kubectl is not on PATH; install it: ${INSTALL}`);
      }
      throw error;
    }
  }

  assertNewEnough(
    await run(["version", "--client", "-o", "json"], "asking kubectl for its version"),
  );
  return {
    run,
    start: (argv) =>
      spawn("kubectl", [...base, ...argv], {
        stdio: ["ignore", "pipe", "pipe"],
        ...(signal === undefined ? {} : { signal }),
      }),
  };
}

/** @throws ClusterError when the answer of `kubectl version --client -o json` is of one that is too old */
export function assertNewEnough(answer: string): void {
  const version = /"gitVersion":\s*"v(\d+)\.(\d+)[^"]*"/.exec(answer);
  const [said, major, minor] = version ?? [];
  if (said !== undefined && (Number(major) > 1 || Number(minor) >= OLDEST_MINOR)) return;
  const found = said === undefined ? "of unknown version" : `1.${minor ?? ""}`;
  throw new ClusterError(
    "environment",
    `kubectl is ${found}, and 1.${OLDEST_MINOR} or newer is needed (best within one minor version of the cluster): ${INSTALL}`,
  );
}
