/** Programs in a container of a cluster, and files out of one. */
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { size } from "../etcd/wire/figures";
import { ClusterError } from "./cluster-error";
import { closesOneWay, type Kubectl } from "./kubectl";
import { failureOf } from "./words";

/** One container. */
export interface Target {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Runs a program there to its end; gives its stdout, which for a few lines comes whole or not at all. */
export function execIn(
  kubectl: Kubectl,
  target: Target,
  argv: readonly string[],
  doing: string,
  always = false,
): Promise<string> {
  return kubectl.run(execArgs(target, argv), doing, { always });
}

function execArgs(
  { namespace, pod, container }: Target,
  argv: readonly string[],
): readonly string[] {
  return ["exec", "-n", namespace, pod, "-c", container, "--", ...argv];
}

/** A file as it is in the cluster. */
export interface FileThere {
  readonly bytes: number;
  readonly sha256: string;
}

/** Length and SHA-256 of a file, told by programs there. */
export async function describeFile(
  kubectl: Kubectl,
  target: Target,
  file: string,
): Promise<FileThere> {
  const sum = await execIn(
    kubectl,
    target,
    ["sha256sum", file],
    `hashing ${file} in ${target.pod}`,
  );
  const length = await execIn(
    kubectl,
    target,
    ["wc", "-c", file],
    `measuring ${file} in ${target.pod}`,
  );
  const sha256 = /^([0-9a-f]{64}) /.exec(sum)?.[1];
  const bytes = /^\s*(\d+) /.exec(length)?.[1];
  if (sha256 === undefined || bytes === undefined) {
    throw new ClusterError(
      "environment",
      `${target.pod} does not tell the length and sha256 of ${file}`,
      true,
    );
  }
  return { bytes: Number(bytes), sha256 };
}

/** A file that came short or changed: worth another try. */
export class BrokenTransfer extends ClusterError {}

/**
 * The bytes of a file there. kubectl may end with 0 although the stream was cut, so length and hash on both sides decide.
 * @throws BrokenTransfer after the bytes that came, when they are not the file's
 */
export async function* fileThere(
  kubectl: Kubectl,
  target: Target,
  file: string,
  expected: FileThere,
): AsyncGenerator<Buffer> {
  const child = kubectl.start(execArgs(target, ["cat", file]));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  // Awaited below, or never, when the reader of the bytes gives up first.
  ended.catch(() => undefined);
  const said = text(child.stderr);
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
    const code = await ended;
    const doing = `fetching ${file} out of ${target.pod}`;
    if (code !== 0) {
      const failure = failureOf(await said, doing);
      if (closesOneWay(failure)) throw new ClusterError("environment", failure.message, true);
      throw new BrokenTransfer("environment", failure.message);
    }
    if (bytes === expected.bytes && hash.digest("hex") === expected.sha256) return;
    throw new BrokenTransfer(
      "environment",
      `${doing}: ${size(bytes)} came of ${size(expected.bytes)}, or other bytes than are there, though kubectl ended ` +
        "without an error",
    );
  } finally {
    child.kill("SIGTERM");
  }
}
