/** What a command says on stderr while it runs, for a test that waits for a line of it. */

export interface Sayings {
  /** Takes what was said now. */
  readonly add: (text: string) => void;
  /** All of it so far. */
  readonly all: () => string;
  /** Resolves when this was said; rejects when the command ends first. */
  readonly said: (text: string) => Promise<void>;
}

/** @param ended settles when it has ended, however */
export function listen(ended: Promise<unknown>): Sayings {
  let all = "";
  const waiting = new Set<() => void>();
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!all.includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      const isOver = (): void => {
        reject(new Error(`it ended without saying "${text}":\n${all}`));
      };
      ended.then(isOver, isOver);
    });
  return {
    add(text) {
      all += text;
      for (const look of waiting) look();
    },
    all: () => all,
    said,
  };
}
