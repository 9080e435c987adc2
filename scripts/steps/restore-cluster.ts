/**
 * `restore-cluster`: reads a request as JSON on stdin, restores a backup into every member of a cluster, prints as one
 * JSON what the restores have said together.
 *
 * Each member is restored where it is, by the same script: on this computer, or on its machine over SSH.
 */
import { spawn } from "node:child_process";
import * as z from "zod";
import {
  ClusterRestoreError,
  restoreInStep,
  runOf,
  type Member,
} from "../../machine/restore/in-step";
import { RESTORE_SCRIPT } from "../../machine/restore/restore-script";
import type { RestoreResult } from "../../machine/restore/result";
import { reconnecting } from "../../machine/ssh/ssh-copy";
import { UserError } from "../outcome";
import { tellLines } from "./copy-progress";
import { readRequest, runScript } from "./request";
import {
  checkClock,
  removeBackup,
  restoreCommand,
  RestoreThere,
  sendBackup,
  sendScript,
} from "./restore-there";

/** Flags of `restore.sh` on this computer. */
const Here = z.object({ flags: z.array(z.string()) });
const Request = z.object({
  members: z.array(
    z.object({ name: z.string(), at: z.union([z.object({ here: Here }), RestoreThere]) }),
  ),
});

/** What is done with a member after all: the seconds of its copy, and what is left of it. */
interface Place extends Member {
  readonly copySeconds: () => number | undefined;
  /** @param restored the upload is of no more use */
  readonly close: (restored: boolean) => Promise<void>;
}

const IN_STEP = ["--in-step", "yes"];
/** The others copy meanwhile, over a slow line perhaps. */
const COPY_LIMIT_SECONDS = 6 * 3600;

void runScript(async (_args, signal) => {
  const { members } = await readRequest(Request);
  const places = members.map(({ name, at }) =>
    "here" in at ? placeHere(name, at.here) : placeThere(name, at, signal),
  );
  let restored = false;
  try {
    const results = await restoreInStep(places, signal);
    restored = true;
    process.stdout.write(`${JSON.stringify(together(results, places))}\n`);
  } catch (error) {
    if (!(error instanceof ClusterRestoreError)) throw error;
    throw new UserError(error.exitCode <= 3 ? error.exitCode : 3, error.message);
  } finally {
    await Promise.all(places.map(({ close }) => close(restored)));
  }
});

function placeHere(name: string, { flags }: z.infer<typeof Here>): Place {
  return {
    name,
    begin() {
      const child = spawn("bash", [RESTORE_SCRIPT, ...flags, ...IN_STEP]);
      child.stderr.setEncoding("utf8").on("data", tellLines(`${name}: `));
      return Promise.resolve(runOf(child));
    },
    bringSnapshot: () => Promise.resolve(),
    copySeconds: () => undefined,
    close: () => Promise.resolve(),
  };
}

function placeThere(name: string, request: RestoreThere, signal: AbortSignal): Place {
  const connection = reconnecting(request.route, signal);
  let copied: number | undefined;
  return {
    name,
    async begin() {
      await checkClock(connection);
      const script = await sendScript(connection, request);
      const command = restoreCommand(request, script, IN_STEP, COPY_LIMIT_SECONDS);
      return runOf((await connection.session()).begin(command, tellLines(`${name}: `)));
    },
    async bringSnapshot() {
      copied = await sendBackup(connection, request, `the backup to ${name}`);
    },
    copySeconds: () => copied,
    async close(restored) {
      try {
        if (restored) await removeBackup(connection, request);
      } finally {
        await connection.close();
      }
    },
  };
}

/** One result out of those of the members: each of its parts took as long as with the slowest of them. */
function together(results: readonly RestoreResult[], places: readonly Place[]): RestoreResult {
  const slowest = (part: "check" | "restore" | "prove" | "start") =>
    Math.max(...results.map(({ seconds }) => seconds[part]));
  const copies = places.flatMap(({ copySeconds }) => copySeconds() ?? []);
  const moments = results.flatMap(({ restoredAt }) => restoredAt ?? []).sort();
  return {
    restored: results.some(({ restored }) => restored),
    restoredAt: moments.at(-1),
    seconds: {
      ...(copies.length > 0 && { copy: Math.max(...copies) }),
      ...{ check: slowest("check"), restore: slowest("restore") },
      ...{ prove: slowest("prove"), start: slowest("start") },
    },
  };
}
