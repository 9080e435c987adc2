import { say } from "./terminal";

/** Says a line at most once a second. */
export function progressLines(): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < 1000) return;
    last = Date.now();
    say(line);
  };
}

/** Says how far a backup is, while it is unpacked and while it is read. */
export function tellProgress(file: string, say: (line: string) => void) {
  const percent = (done: number, total: number) => `${Math.floor((100 * done) / total)} %`;
  return {
    onUnpack: (done: number, total: number) => {
      say(`unpacking ${file}: ${percent(done, total)}`);
    },
    onProgress: (done: number, total: number) => {
      say(`reading ${file}: ${percent(done, total)}`);
    },
  };
}
