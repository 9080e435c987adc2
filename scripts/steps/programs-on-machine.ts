/**
 * `programs-on-machine`: reads a request as JSON on stdin, lays programs of this computer into a folder of a machine,
 * prints the `seconds` that it took as JSON. A program that lies there already is not sent again.
 */
import * as path from "node:path";
import * as z from "zod";
import { MachineError } from "../../machine/machine-error";
import { shellLine } from "../../machine/shell/quote";
import { copyFile, reconnecting } from "../../machine/ssh/ssh-copy";
import { SshRoute } from "../../machine/ssh/ssh-files";
import { tellCopy, tellLines } from "./copy-progress";
import { readRequest, runScript } from "./request";

const Request = z.object({
  route: SshRoute,
  /** Folder there that the log-in user may write to. */
  uploads: z.string(),
  /** Folder there that gets the programs. */
  directory: z.string(),
  files: z.array(z.object({ program: z.string(), file: z.string(), sha256: z.string() })),
});

void runScript(async (_args, signal) => {
  const { route, uploads, directory, files } = await readRequest(Request);
  const begin = performance.now();
  const connection = reconnecting(route, signal);
  const run = async (command: string): Promise<string> => {
    let said = "";
    const tell = tellLines();
    const session = await connection.session();
    const { code, stdout } = await session.run(command, {
      onStderr: (text) => {
        said += text;
        tell(text);
      },
    });
    if (code === 0) return stdout;
    throw new MachineError("environment", `cannot lay programs into ${directory}: ${said.trim()}`);
  };
  try {
    const there = await run(`sha256sum -- ${shellLine(directory)}/* 2>/dev/null || true`);
    for (const { program, file, sha256 } of files) {
      const target = path.posix.join(directory, program);
      if (there.includes(`${sha256}  ${target}\n`)) continue;
      const upload = path.posix.join(uploads, `${program}-${sha256}`);
      const copied = { from: file, to: upload, sha256, title: program };
      await copyFile(connection, copied, tellCopy(program));
      const put = shellLine("sudo", "install", "-D", "-m", "0755", "--", upload, target);
      await run(`${put} && ${shellLine("rm", "-f", "--", upload)}`);
    }
    // Of another version: etcd 3.4 comes without etcdutl, and is not to be restored by that of a later one.
    const kept = files.flatMap(({ program }) => ["!", "-name", program]);
    await run(shellLine("sudo", "find", directory, "-type", "f", ...kept, "-delete"));
  } finally {
    await connection.close();
  }
  const seconds = Math.round(performance.now() - begin) / 1000;
  process.stdout.write(`${JSON.stringify({ seconds })}\n`);
});
