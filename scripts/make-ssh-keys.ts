/**
 * Makes the SSH keys of a machine, or writes what ssh needs of them to files.
 *
 *   make-ssh-keys make COMMENT   prints {login, host} as JSON, each {privateKey, publicKey}
 *   make-ssh-keys write DIR      reads {privateKey, knownHosts} as JSON from stdin; writes DIR/ssh-key and DIR/known_hosts
 *   make-ssh-keys remove DIR     removes these two, and DIR when nothing else is in it
 *
 * Exit codes: 0 good, 2 wrong use, 3 a file could not be written.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { text } from "node:stream/consumers";
import { makeSshKey, type MachineKeys } from "../etcd/machine/ssh-keys";
import { EXIT, UserError } from "./outcome";

const FILES = { key: "ssh-key", knownHosts: "known_hosts" } as const;

async function main(action: string | undefined, argument: string | undefined): Promise<void> {
  if (argument === undefined || argument === "") {
    throw new UserError(
      EXIT.usage,
      "use: make-ssh-keys make COMMENT, or make-ssh-keys write|remove DIR",
    );
  }
  switch (action) {
    case "make": {
      const keys: MachineKeys = { login: makeSshKey(argument), host: makeSshKey(argument) };
      process.stdout.write(`${JSON.stringify(keys)}\n`);
      return;
    }
    case "write":
      write(argument, await text(process.stdin));
      return;
    case "remove":
      remove(argument);
      return;
    default:
      throw new UserError(
        EXIT.usage,
        `make-ssh-keys knows make, write and remove; given was "${action ?? ""}"`,
      );
  }
}

function write(directory: string, input: string): void {
  const files = parse(input);
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Whole or not at all, and never readable by others, not even while it is written.
  for (const [name, content] of [
    [FILES.key, files.privateKey],
    [FILES.knownHosts, files.knownHosts],
  ] as const) {
    const file = path.join(directory, name);
    fs.rmSync(`${file}.new`, { force: true });
    fs.writeFileSync(`${file}.new`, content, { mode: 0o600, flag: "wx" });
    fs.renameSync(`${file}.new`, file);
  }
}

/** Never quotes what it was given: that is a private key. */
function parse(input: string): { readonly privateKey: string; readonly knownHosts: string } {
  try {
    const given: unknown = JSON.parse(input);
    if (typeof given === "object" && given !== null) {
      const { privateKey, knownHosts } = given as Record<string, unknown>;
      if (typeof privateKey === "string" && typeof knownHosts === "string") {
        return { privateKey, knownHosts };
      }
    }
  } catch {
    // told below
  }
  throw new UserError(
    EXIT.usage,
    "make-ssh-keys write: stdin must be JSON with the texts privateKey and knownHosts",
  );
}

function remove(directory: string): void {
  for (const name of Object.values(FILES)) fs.rmSync(path.join(directory, name), { force: true });
  if (fs.existsSync(directory) && fs.readdirSync(directory).length === 0) fs.rmdirSync(directory);
}

main(process.argv[2], process.argv[3]).catch((error: unknown) => {
  process.stderr.write(
    `make-ssh-keys: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = error instanceof UserError ? error.exitCode : EXIT.environment;
});
