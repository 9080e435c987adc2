/** `-`: what another program pipes to us. It comes once, cannot be listed, and nobody knows how much it is. */
import type { Backup } from "./layouts/backup";
import { SourceError } from "./source-error";
import type { Store } from "./store";

const NAME = "standard input";

/** Of the process, not of one store: two words may both be `-`. */
let isRead = false;

/** @throws SourceError when stdin is a terminal: nothing is piped */
export function openPipe(input: NodeJS.ReadStream = process.stdin): Store {
  if (input.isTTY) {
    throw new SourceError(
      "usage",
      "the backup is to come from standard input (-), and nothing is piped to it",
    );
  }
  return {
    name: NAME,
    isAtomic: true,
    canReopen: false,
    isOne: true,
    nameOf: () => NAME,
    list() {
      throw new SourceError("usage", "a pipe cannot be listed: it is one backup");
    },
    open() {
      if (isRead) throw new SourceError("usage", `${NAME} can be read only once`);
      isRead = true;
      return Promise.resolve({ bytes: input, from: 0, inRanges: false });
    },
    close: () => undefined,
  };
}

/** What a pipe holds: one, of which nobody knows anything. */
export function onlyOne(pipe: Store): Pick<Backup, "path" | "object"> {
  return { path: pipe.name, object: { path: pipe.name, bytes: NaN } };
}
