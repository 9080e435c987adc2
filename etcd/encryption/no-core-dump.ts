/** Keys and plain texts stay in this process: a core dump would carry them to a disk. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

let done = false;

/**
 * Keeps memory out of core dumps from now on, before the first key is read.
 *
 * Linux asks each process which of its memory a dump holds: none (`man 5 core`, coredump_filter; it needs no program and no
 * right). What is left, the registers, goes with a limit of one byte, which also holds where dumps are piped to a program.
 * Elsewhere, and without `prlimit`, what the system has set stays.
 */
export function preventCoreDumps(): void {
  if (done || process.platform !== "linux") return;
  done = true;
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // A container without /proc: the limit is all there is.
  }
  spawnSync("prlimit", ["--pid", String(process.pid), "--core=1:"], {
    stdio: "ignore",
    timeout: 2000,
  });
}
