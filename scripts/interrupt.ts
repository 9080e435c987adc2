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

/** A signal that aborts on Ctrl-C or SIGTERM, for a clean end; a second one ends the process at once. */
export function abortOnInterrupt(): AbortSignal {
  if (listening) return controller.signal;
  listening = true;
  let first: number | undefined;
  for (const name of SIGNALS) {
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
