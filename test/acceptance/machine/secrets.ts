/** Secrets of a stack and of the backup, and the places where none of them may stand. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Machine } from "../../../labs/machine/machine";

/** One piece of text that gives a secret away, and whose it is; never printed itself. */
export interface Needle {
  readonly of: string;
  readonly text: string;
}

/** Pieces of a private key: its lines, but for one that is the same in all keys of OpenSSH. */
export function keyNeedles(of: string, pem: string): readonly Needle[] {
  const lines = pem.split("\n").filter((line) => /^[\w+/=]{40,}$/.test(line));
  const secret = pem.includes("OPENSSH") ? lines.slice(1) : lines;
  if (secret.length === 0) throw new Error(`${of} is no private key`);
  return secret.map((text) => ({ of, text }));
}

/** Pieces of the values of the sample's Kubernetes Secrets, as `etcdctl get -w json` gives them. */
export function valueNeedles(answer: string): readonly Needle[] {
  const { kvs } = JSON.parse(answer) as { kvs: readonly { key: string; value: string }[] };
  return kvs.flatMap(({ key, value }) => {
    const of = `value of ${Buffer.from(key, "base64").toString()}`;
    const runs = Buffer.from(value, "base64")
      .toString("latin1")
      .match(/[\w+/=.-]{32,}/g);
    return [value.slice(0, 120), ...(runs ?? [])].map((text) => ({ of, text }));
  });
}

/** Whose secrets stand in a text. */
export function givenAway(text: string, needles: readonly Needle[]): readonly string[] {
  return [...new Set(needles.filter((needle) => text.includes(needle.text)).map(({ of }) => of))];
}

/** The command lines of all processes, those of machines on this computer among them, as long as it is watched. */
export function watchProcesses(): () => string {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(fs.readFileSync(`/proc/${pid}/cmdline`, "latin1"));
      } catch {
        // it has just ended
      }
    }
  };
  const timer = setInterval(look, 100);
  return () => {
    clearInterval(timer);
    return [...seen].join("\n");
  };
}

/** The texts of all files below a folder, but for those named. */
export function filesBelow(directory: string, but: readonly string[]): string {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !but.includes(entry.name))
    .map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

/** Everything that the machine has logged. */
export function logsOf(machine: Machine): Promise<string> {
  return machine.run(
    ...["sh", "-c"],
    "journalctl --no-pager; cat /var/log/*.log /run/cloud-init/*.log",
  );
}
