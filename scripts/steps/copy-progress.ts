/** What a step says while it works on a machine. */
import { visible } from "../../etcd/wire/visible";

const MIB = 2 ** 20;

/** Says how far a copy is, once a second. */
export function tellCopy(what: string): (done: number, total: number) => void {
  const begin = Date.now();
  let last = begin;
  let first: number | undefined;
  return (done, total) => {
    first ??= done;
    if (Date.now() - last < 1000) return;
    last = Date.now();
    const rate = (done - first) / MIB / ((last - begin) / 1000);
    const percent = Math.floor((100 * done) / total);
    process.stderr.write(`copying ${what}: ${percent} % (${rate.toFixed(1)} MiB/s)\n`);
  };
}

/** Passes lines on as they come, made visible: they are a machine's. */
export function tellLines(whose = ""): (text: string) => void {
  return (text) => {
    for (const line of text.split("\n")) {
      if (line !== "") process.stderr.write(`${whose}${visible(line)}\n`);
    }
  };
}
