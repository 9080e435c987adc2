/**
 * The SSH keys of a machine.
 *
 * `make-ssh-keys make COMMENT` prints `{login, host}` as JSON, each `{privateKey, publicKey}`.
 * `make-ssh-keys write DIR` takes `{privateKey, knownHosts}` as JSON on stdin and writes DIR/ssh-key and
 * DIR/known_hosts; `make-ssh-keys remove DIR` takes them away.
 */
import * as path from "node:path";
import * as z from "zod";
import {
  claimDirectory,
  isClaimed,
  removeOwn,
  writeIfChanged,
} from "../../machine/local/own-files";
import { makeSshKey, type MachineKeys } from "../../machine/ssh/ssh-keys";
import { EXIT, UserError } from "../outcome";
import { readRequest, runScript } from "./request";

const FILES = { privateKey: "ssh-key", knownHosts: "known_hosts" } as const;

const Request = z.object({ privateKey: z.string(), knownHosts: z.string() });

void runScript(async ([action, argument]) => {
  if (action === undefined || argument === undefined) {
    throw new UserError(EXIT.usage, "make COMMENT, write DIR or remove DIR is needed");
  }
  switch (action) {
    case "make": {
      const keys: MachineKeys = { login: makeSshKey(argument), host: makeSshKey(argument) };
      process.stdout.write(`${JSON.stringify(keys)}\n`);
      return;
    }
    case "write":
      await write(path.resolve(argument), await readRequest(Request));
      return;
    case "remove":
      await remove(path.resolve(argument));
      return;
    default:
      throw new UserError(EXIT.usage, `make, write and remove are known; given was "${action}"`);
  }
});

async function write(directory: string, request: z.infer<typeof Request>): Promise<void> {
  await claimDirectory(directory);
  await writeIfChanged(path.join(directory, FILES.privateKey), request.privateKey);
  await writeIfChanged(path.join(directory, FILES.knownHosts), request.knownHosts);
}

async function remove(directory: string): Promise<void> {
  if (!(await isClaimed(directory))) return;
  const names: readonly string[] = Object.values(FILES);
  await removeOwn(directory, (name) => names.includes(name));
}
