import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/**
 * Asks for a password at the terminal, without showing it; undefined where there is none: a pipeline must not wait for
 * somebody.
 */
export async function askPassword(user: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  process.stderr.write(`Password of ${user}: `);
  const silent = new Writable({
    write(_part, _encoding, done) {
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise<string | undefined>((resolve) => {
      lines.once("line", resolve);
      lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
      lines.once("close", () => {
        resolve(undefined);
      });
    });
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
