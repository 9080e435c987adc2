/** A process of its own in which backups are proved one after the other: what is loaded once serves all of them. */
import type { FromWorker, Task, ToWorker } from "./messages";
import { abortOnInterrupt } from "../interrupt";
import { proveOne } from "./prove-one";
import { guardOutput } from "../terminal";

guardOutput();

/** What each leaves behind is little, and is not given back before the process ends. */
const FULL_BYTES = 320 * 2 ** 20;

let go: (() => void) | undefined;

function tell(message: FromWorker): void {
  process.send?.(message);
}

async function work(task: Task): Promise<void> {
  const outcome = await proveOne(task, async (bytes) => {
    await new Promise<void>((resolve) => {
      go = resolve;
      // Nobody waits for room any more.
      abortOnInterrupt().onabort = () => {
        resolve();
      };
      // NaN does not go through JSON.
      tell({ kind: "room", bytes: Number.isNaN(bytes) ? 0 : bytes });
    });
  });
  tell({ kind: "outcome", outcome, isFull: process.memoryUsage.rss() > FULL_BYTES });
}

process.on("message", (message: ToWorker) => {
  if (message.kind === "go") go?.();
  else void work(message.task);
});

// Whoever started it has ended, however: it cleans up as if it were told to.
process.on("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
});
