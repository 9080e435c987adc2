/** The pages whose commands are run, and what lies beside them when they are. */
import { spawn } from "node:child_process";
import { text as readAll } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { shellLine } from "../../machine/shell/quote";
import { snapshotBytes } from "../support/kubernetes-fixtures";
import { PROJECT } from "../support/lab";
import { tarOf, zipOf } from "../support/pack";
import type { Step } from "../support/page";
import { pathWithoutPulumi } from "../support/path-without-pulumi";

/** A page below the project, the folder that it speaks of, and what is there. */
export interface Page {
  readonly file: string;
  readonly folder: string;
  readonly files?: () => Readonly<Record<string, Buffer>>;
}

export const PAGES: readonly Page[] = [
  { file: "README.md", folder: "/srv/etcd-restore", files: damagedSample },
  { file: "docs/commands.md", folder: "/srv/etcd-restore" },
  { file: "docs/backups-as-kept.md", folder: "/srv/backups", files: keptBackups },
];

/** The sample with one byte of a value turned. */
function damagedSample(): Readonly<Record<string, Buffer>> {
  const bytes = Buffer.from(snapshotBytes("kubernetes-1.35-main.db"));
  const at = bytes.indexOf("kube-system");
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return { "damaged.db": bytes };
}

function keptBackups(): Readonly<Record<string, Buffer>> {
  const events = Buffer.from(snapshotBytes("kubernetes-1.35-events.db"));
  const zip = zipOf([["etcd-snapshot-server-1764032400", events]]);
  return {
    "cluster.tar.gz": gzipSync(tarOf([["assets/backup/snapshot_2026-11-23_010000.db", events]])),
    "k3s.zip": zip,
    "cut.zip": zip.subarray(0, 100_000),
    "twice.gz": gzipSync(gzipSync(events)),
    "db.snapshot.age": Buffer.from(`age-encryption.org/v1\n-> X25519 ${"A".repeat(43)}\n`),
    "snap.lz4": Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x64, 0x40]), events]),
  };
}

/** What a command printed, stderr among it, as the page would have it; and its exit code. */
export interface Outcome {
  readonly now: string;
  readonly code: number;
}

const MARK = "----- end of step";

/**
 * Runs the commands of a page in one shell, in a folder of their own.
 * @param here that folder; its place in the page is `page.folder`
 * @param flags for `start` and `stop`; the first, which says where the lab is, also for whoever asks the stack
 */
export async function runPage(
  { folder }: Page,
  steps: readonly Step[],
  here: string,
  flags: readonly string[],
): Promise<readonly Outcome[]> {
  const ours = shellLine("node", `${PROJECT}/scripts/etcd-restore.cjs`);
  const script = [
    "exec 2>&1",
    // The page's own words, on a stack of its own: a lab in this clone may be somebody's.
    `npx() { shift; local own=(); case "$1 $*" in start\\ *|stop\\ *) own=(${flags.join(" ")});; *--stack*) own=(${flags[0] ?? ""});; esac; ${ours} "$@" "\${own[@]}"; }`,
    `npm() { case $1 in start|stop) local c=$1; shift; [ "\${1-}" != -- ] || shift; npx etcd-restore "$c" "$@";; *) return 9;; esac; }`,
    "true",
    ...steps.map(
      ({ command }) => `${command}\nended=$?; printf '\\n%s %s\\n' '${MARK}' $ended; (exit $ended)`,
    ),
  ];
  const shell = spawn("bash", ["-s"], {
    cwd: here,
    env: { ...process.env, NO_COLOR: "1", COLUMNS: "100", PATH: pathWithoutPulumi() },
    stdio: ["pipe", "pipe", "inherit"],
  });
  shell.stdin.end(script.join("\n"));
  const results = (await readAll(shell.stdout)).split(new RegExp(`\\n?\\n${MARK} (\\d+)\\n`));
  const inPage = (text: string): string =>
    text
      .replace(/^\n/, "")
      // Told after a second, which a busy computer needs where another does not.
      .replace(/^reading .*: \d+ %\n/gm, "")
      .replaceAll(here, folder)
      .replaceAll(PROJECT, folder)
      .replace(/( --)? -c (labDirectory|clientPort|peerPort)=[^\s`]+/g, "")
      .replace(/127\.0\.0\.1:(\d+)/g, (url, port) =>
        flags.some((flag) => flag.endsWith(`clientPort=${String(port)}`)) ? "127.0.0.1:22379" : url,
      )
      .trimEnd();
  return steps.map((_, i) => ({
    now: inPage(results[2 * i] ?? ""),
    code: Number(results[2 * i + 1] ?? Number.NaN),
  }));
}

/** Lines of an output with what differs from run to run in a common form, in the order in which they came. */
function lines(output: string): readonly string[] {
  return (
    output
      .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+( UTC|Z)/g, "TIME")
      .replace(/\b\d+(\.\d+)? s\b/g, "N s")
      .replace(/process \d+/g, "process N")
      .replace(/\d+ (day|hour|minute)s? ago/g, "N ago")
      .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
      .replace(/the content has [0-9a-f]{64}/g, "the content has HEX")
      .replace(/of \d+(\.\d+)? KiB: /g, "of N KiB: ")
      .split("\n")
      // Where the programs come from, and which of two steps at a time is first, is another matter on each computer.
      .filter((line) => !line.includes("etcd-installation |"))
  );
}

/**
 * Whether a command printed what the page says. `…` alone in a line stands for lines that are left out.
 * @param command steps of `npm start` run side by side: of that one the order is not compared
 */
export function agrees(command: string, printed: string, now: string): boolean {
  const [wanted, found] = [lines(printed), lines(now)];
  if (!wanted.includes("…")) {
    if (!command.startsWith("npm start")) return wanted.join("\n") === found.join("\n");
    return [...wanted].sort().join("\n") === [...found].sort().join("\n");
  }
  const [head = [], ...rest] = split(wanted);
  const tail = rest.at(-1) ?? [];
  return (
    found.length >= head.length + tail.length &&
    found.slice(0, head.length).join("\n") === head.join("\n") &&
    (tail.length === 0 || found.slice(-tail.length).join("\n") === tail.join("\n"))
  );
}

/** What the page should say: as much of the output as it has now. */
export function shortened(printed: string, now: string): string {
  const [head = [], ...rest] = split(printed.split("\n"));
  if (rest.length === 0) return now;
  const tail = rest.at(-1)?.length ?? 0;
  const all = now.split("\n");
  return [...all.slice(0, head.length), "…", ...(tail === 0 ? [] : all.slice(-tail))].join("\n");
}

function split(all: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  for (const line of all) {
    if (line === "…") parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts;
}
