// @ts-check
/** Runs another program to its end and stands in for it: its output, its exit code, the signals meant for it. */
import { spawn } from "node:child_process";
import { constants } from "node:os";

/** Signals that people and supervisors end programs with. @type {readonly NodeJS.Signals[]} */
export const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"];

/** npm passes a terminal's Ctrl-C on that we get as well: within so many milliseconds it is the same one. */
const SAME = 1000;

/** What a shell says of a program that a signal ended. @param {NodeJS.Signals} signal */
export const exitCodeOf = (signal) => 128 + constants.signals[signal];

/**
 * Runs a program in a process group of its own and passes each ending signal on to the whole group, once.
 *
 * Resolves when the program has ended, its clean-up done, with its exit code (128 + n after signal n); rejects when
 * it cannot be started.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, limit?: number, capture?: (text: string) => void }} options
 *   `limit`: seconds until it is ended; default none. `capture`: takes its output, which else goes where ours goes
 * @returns {Promise<number>}
 */
export function run(command, args, { cwd, env = process.env, limit, capture }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", capture ? "pipe" : "inherit", capture ? "pipe" : "inherit"],
    });
    /** @type {Map<NodeJS.Signals, number>} */
    const passedOn = new Map();
    /** @param {NodeJS.Signals} signal */
    const passOn = (signal) => {
      const last = passedOn.get(signal);
      if (child.pid === undefined || (last !== undefined && Date.now() - last < SAME)) return;
      passedOn.set(signal, Date.now());
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has ended in this moment.
      }
    };
    for (const signal of ENDING) process.on(signal, passOn);
    const timer = limit === undefined ? undefined : setTimeout(passOn, limit * 1000, "SIGTERM");
    for (const stream of [child.stdout, child.stderr]) {
      if (capture) stream?.setEncoding("utf8").on("data", capture);
    }
    const settle = () => {
      clearTimeout(timer);
      for (const signal of ENDING) process.off(signal, passOn);
    };
    child.on("error", (error) => {
      settle();
      reject(new Error(`${command} cannot be started: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      settle();
      resolve(signal === null ? (code ?? 1) : exitCodeOf(signal));
    });
  });
}
