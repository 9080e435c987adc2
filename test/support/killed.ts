/**
 * Whatever is killed at whatever point, the next `up` ends well: always a pass, never a blend of two backups.
 *
 * The lab goes to and fro between two backups with different keys. In each round something is killed by SIGKILL while
 * one of them is restored over the other; then `start` must restore and prove it. Only an engine that is killed has a
 * process of its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCommands, type Commands } from "./commands";
import { createWorkspace, snapshotBytes, type KubernetesSnapshot } from "./kubernetes-fixtures";
import { beginCommand, killIfThere, openLab, processesOf, waitUntil, type Lab } from "./lab";

const LIMIT = 180_000;

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
    const files = createWorkspace();
    const backup = (snapshot: KubernetesSnapshot, keys: number, hashKv: number) => ({
      file: files.write(snapshot, snapshotBytes(snapshot)),
      keys,
      hashKv,
    });
    const main = backup("kubernetes-1.35-main.db", 337, 1992026518);
    const events = backup("kubernetes-1.35-events.db", 296, 1499529501);
    let lab: Lab;
    let commands: Commands;
    let turn = 0;
    const start = (file: string) => commands.run(lab.words("start", file));
    const next = (): typeof main => {
      turn += 1;
      return turn % 2 === 0 ? main : events;
    };
    beforeAll(async () => {
      lab = await openLab();
      commands = openCommands();
      expect(await start(main.file)).toMatchObject({ code: 0 });
    }, LIMIT);
    afterAll(async () => {
      files.remove();
      await commands.close();
      await lab.dispose();
    }, LIMIT);

    test.each(moments)(
      'at "%s", leaves nothing that the next start does not mend',
      async (moment) => {
        const backup = next();
        const words = lab.words("start", backup.file);
        if (commandLine === undefined) {
          const run = beginCommand(words);
          await run.said(moment);
          run.process.kill("SIGKILL");
          await run.ended;
        } else {
          const run = commands.begin(words);
          await run.said(moment);
          for (const { pid, command } of processesOf(lab.directory)) {
            if (commandLine.test(command)) killIfThere(pid);
          }
          await run.ended;
        }
        await waitUntil(
          () => !processesOf(lab.directory).some(({ command }) => command.includes("restore.sh")),
          "the restore that was cut off has ended",
        );

        const ended = await start(backup.file);
        expect(ended, ended.stderr).toMatchObject({ code: 0 });
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
