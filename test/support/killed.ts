/**
 * Whatever is killed at whatever point, the next `up` ends well: always a pass, never a blend of two backups.
 *
 * The lab goes to and fro between two backups with different keys. In each round something is killed by SIGKILL while
 * one of them is restored over the other; then `start` must restore and prove it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorkspace, snapshotBytes } from "./kubernetes-fixtures";
import { killIfThere, openLab, processesOf, waitUntil, type Lab } from "./lab";

const LIMIT = 180_000;
const files = createWorkspace();

const BACKUPS = [
  {
    file: files.write("main.db", snapshotBytes("kubernetes-1.35-main.db")),
    keys: 337,
    hashKv: 1992026518,
  },
  {
    file: files.write("events.db", snapshotBytes("kubernetes-1.35-events.db")),
    keys: 296,
    hashKv: 1499529501,
  },
] as const;

/** What is killed: a process of the lab whose command line holds this text, or the engine itself. */
export interface Victim {
  readonly name: string;
  /** Which processes of the lab; none for the engine. */
  readonly commandLine?: RegExp;
  /** Lines at which it is killed. */
  readonly moments: readonly string[];
}

export const STEPS = [
  "restore: checking",
  "restore: restoring with",
  "restore: proving",
  "restore: moving what was restored",
  "restore: starting etcd",
] as const;

/** The tests for one victim; each has a file of its own, so that they run beside each other. */
export function whateverIsKilled({ name, commandLine, moments }: Victim): void {
  describe(`${name}, killed`, () => {
    let lab: Lab;
    let turn = 0;
    const next = (): (typeof BACKUPS)[number] => {
      turn += 1;
      return turn % 2 === 0 ? BACKUPS[0] : BACKUPS[1];
    };
    beforeAll(async () => {
      lab = await openLab();
      const started = await lab.run("start", BACKUPS[0].file);
      expect(started.code, started.stderr).toBe(0);
    }, LIMIT);
    afterAll(async () => {
      files.remove();
      await lab.dispose();
    }, LIMIT);

    test.each(moments)(
      'at "%s", leaves nothing that the next start does not mend',
      async (moment) => {
        const backup = next();
        const run = lab.begin("start", backup.file);
        await run.said(moment);
        if (commandLine === undefined) run.process.kill("SIGKILL");
        else {
          const victims = processesOf(lab.directory).filter(({ command }) =>
            commandLine.test(command),
          );
          for (const { pid } of victims) killIfThere(pid);
        }
        await run.ended;
        await waitUntil(
          () => !processesOf(lab.directory).some(({ command }) => command.includes("restore.sh")),
          "the restore that was cut off has ended",
        );

        const again = await lab.run("start", backup.file);
        expect(again.code, again.stderr).toBe(0);
        expect(lab.report()).toMatchObject({
          verdict: "pass",
          snapshot: { keys: backup.keys, hashKv: backup.hashKv },
          restored: { keys: backup.keys, hashKv: backup.hashKv },
        });
        const servers = processesOf(lab.directory).filter(({ command }) =>
          command.endsWith("/bin/etcd "),
        );
        expect(servers.map(({ pid }) => pid)).toEqual([lab.etcdPid()]);
      },
      LIMIT,
    );
  });
}
