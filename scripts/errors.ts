/** What is said of an error, and with which code it ends a command. Loaded when there is one. */
import { ClusterError } from "../cluster/cluster-error";
import { ManifestError } from "../etcd/backup/manifest";
import { KeyError } from "../etcd/backup/seal";
import { TakeError } from "../etcd/backup/take/source";
import { EncryptionConfigError } from "../etcd/encryption/errors";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import { visible } from "../etcd/wire/visible";
import { MachineError } from "../machine/machine-error";
import { EvidenceError } from "../evidence/envelope";
import { HistoryError } from "../evidence/history";
import { CloudError } from "../openstack/cloud-error";
import { SourceError } from "../sources/source-error";
import { EXIT, UserError } from "./outcome";

const TAKE_EXITS = {
  check: EXIT.checkFailed,
  usage: EXIT.usage,
  environment: EXIT.environment,
} as const;

const SOURCE_EXITS = {
  usage: EXIT.usage,
  environment: EXIT.environment,
  none: EXIT.checkFailed,
} as const;

/** The exit code for an error: of wrong use when it is about what the user gave us, else of the environment. */
export function exitCodeOfError(error: unknown): number {
  if (error instanceof UserError) return error.exitCode;
  if (error instanceof MachineError || error instanceof CloudError) return EXIT[error.kind];
  if (error instanceof ClusterError) return EXIT[error.kind];
  if (error instanceof SourceError) return SOURCE_EXITS[error.kind];
  if (error instanceof TakeError) return TAKE_EXITS[error.kind];
  if (error instanceof EvidenceError || error instanceof HistoryError) return EXIT.checkFailed;
  return error instanceof SnapshotError ||
    error instanceof ManifestError ||
    error instanceof EncryptionConfigError ||
    error instanceof KeyError
    ? EXIT.usage
    : EXIT.environment;
}

/** System errors that people meet, in words: what Node says of them names a system call. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system can only be read",
  EACCES: "no permission",
  EPERM: "not permitted",
  EMFILE: "this process may not open more files (ulimit -n)",
  ENFILE: "this computer cannot open more files",
  ENOMEM: "there is not enough memory",
  EAGAIN: "the system has no room for another process (ulimit -u) or not enough memory",
  ENAMETOOLONG: "the path is too long",
  ELOOP: "too many symbolic links, or they go in a circle",
};

/**
 * An error as people are told: what is foreign in it visible, on one line; only our own messages of several lines keep
 * them, those below the first indented, so that no line can be taken for another message.
 */
export function messageOfError(error: unknown): string {
  if (!(error instanceof Error)) return visible(String(error));
  const system = systemMessage(error);
  if (system !== undefined) return system;
  if (error instanceof UserError) return error.message;
  if (error.name === "ZodError") return unexpectedForm(error);
  const hasLines =
    error.constructor === Error ||
    error instanceof MachineError ||
    error instanceof ClusterError ||
    error instanceof TakeError;
  return hasLines ? indented(error.message) : visible(error.message);
}

/** The lines of a text, each visible, those below the first indented. */
export function indented(text: string): string {
  const [first = "", ...rest] = text.split("\n").map((line) => visible(line.trimEnd()));
  return [first, ...rest.map((line) => `  ${line.trimStart()}`)].join("\n");
}

/** What a program or a server answered is not of the form that it should have; of zod's JSON the first point is told. */
function unexpectedForm(error: Error): string {
  const [first] =
    "issues" in error && Array.isArray(error.issues) ? (error.issues as unknown[]) : [];
  const { path = [], message = "" } = (first ?? {}) as { path?: unknown[]; message?: string };
  return visible(`an answer has not the form that was expected: ${path.join(".")}: ${message}`);
}

function systemMessage(error: Error): string | undefined {
  if (error.constructor !== Error && !(error instanceof RangeError)) return undefined;
  if (/^(Array buffer|WebAssembly).*(allocation|memory)/.test(error.message)) {
    return `there is not enough memory (ulimit -v, or other programs): ${visible(error.message)}`;
  }
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : SYSTEM[code];
  if (words === undefined || syscall === undefined) return undefined;
  return `${path === undefined ? syscall : visible(path)}: ${words}`;
}
