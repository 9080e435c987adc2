/** Memory shared out among drills that run at the same time: who needs more than is left waits for the others. */

export interface Room {
  /** Resolves when there is room, in the order in which it was asked for; the function gives it back. */
  take(bytes: number): Promise<() => void>;
}

/** @param total bytes; what needs more than all has all to itself */
export function openRoom(total: number): Room {
  let used = 0;
  let guests = 0;
  const waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  const admit = (): void => {
    for (;;) {
      const [next] = waiting;
      if (next === undefined || (guests > 0 && used + next.bytes > total)) return;
      waiting.shift();
      used += next.bytes;
      guests += 1;
      next.enter();
    }
  };
  return {
    async take(bytes) {
      await new Promise<void>((enter) => {
        waiting.push({ bytes, enter });
        admit();
      });
      let isGiven = false;
      return () => {
        if (isGiven) return;
        isGiven = true;
        used -= bytes;
        guests -= 1;
        admit();
      };
    },
  };
}
