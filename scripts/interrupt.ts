/** Ctrl-C and SIGTERM: a clean end, and the exit code that a shell expects of it. */
import { setMaxListeners } from "node:events";
import { constants } from "node:os";

/** npm passes a terminal's Ctrl-C on that reaches us as well: within so many milliseconds it is the same one. */
const SAME_INTERRUPT_MS = 1000;

/** Signals that end a command in good order. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const controller = new AbortController();
// Every call and command that is under way listens; Node would take more than ten for a leak, and warn.
setMaxListeners(0, controller.signal);
let interruptedBy: (typeof SIGNALS)[number] | undefined;
let listening = false;

/**
 * A signal that aborts on Ctrl-C or SIGTERM, for a clean end; the same once more ends the process at once. The other one
 * does not: a runner that wants to see a job ended sends SIGINT and then SIGTERM, while the job cleans up.
 */
export function abortOnInterrupt(): AbortSignal {
  if (listening) return controller.signal;
  listening = true;
  for (const name of SIGNALS) {
    let first: number | undefined;
    process.on(name, () => {
      if (first !== undefined && Date.now() - first > SAME_INTERRUPT_MS) process.exit(codeOf(name));
      first ??= Date.now();
      interruptedBy ??= name;
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return controller.signal;
}

/** 130 after Ctrl-C, 143 after SIGTERM; undefined when nobody interrupted. */
export function interruptedCode(): number | undefined {
  return interruptedBy === undefined ? undefined : codeOf(interruptedBy);
}

function codeOf(name: (typeof SIGNALS)[number]): number {
  return 128 + constants.signals[name];
}
