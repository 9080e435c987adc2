import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { EXIT, UserError } from "./outcome";

/**
 * Asks for a password at the terminal, without showing it.
 * @throws UserError where there is no terminal: a pipeline must not wait for somebody
 */
export async function askPassword(user: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new UserError(
      EXIT.usage,
      `user ${user} needs a password: give --password-file FILE, --password-stdin or ETCDCTL_PASSWORD`,
    );
  }
  process.stderr.write(`Password of ${user}: `);
  const silent = new Writable({
    write(_part, _encoding, done) {
      done();
    },
  });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("SIGINT", () => {
        process.kill(process.pid, "SIGINT");
        reject(new UserError(EXIT.environment, "interrupted"));
      });
      lines.once("close", () => {
        reject(new UserError(EXIT.usage, "no password was given"));
      });
    });
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
