/**
 * `restore-on-machine`: reads a request as JSON on stdin, restores a backup on a machine over SSH, prints what the
 * restore script said there as one JSON, with the seconds of the copy.
 *
 * The backup is copied only when it is needed: one that is restored already is left as it is, or started by other
 * settings. All of it over one connection; a copy that is cut goes on where it was.
 */
import { RestoreResult, SnapshotNeeded } from "../../machine/restore/result";
import { reconnecting, type Connection } from "../../machine/ssh/ssh-copy";
import { readRequest, runScript } from "./request";
import {
  checkClock,
  removeBackup,
  restoreCommand,
  RestoreThere,
  runThere,
  sendBackup,
  sendScript,
} from "./restore-there";

void runScript(async (_args, signal) => {
  const request = await readRequest(RestoreThere);
  const connection = reconnecting(request.route, signal);
  try {
    const result = await restoreThere(connection, request);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await connection.close();
  }
});

async function restoreThere(connection: Connection, request: RestoreThere): Promise<object> {
  await checkClock(connection);
  const script = await sendScript(connection, request);
  const run = async (more: readonly string[]): Promise<unknown> =>
    JSON.parse(await runThere(connection, restoreCommand(request, script, more)));
  const first = await run(["--ask-first", "yes"]);
  if (!SnapshotNeeded.safeParse(first).success) {
    await removeBackup(connection, request);
    return RestoreResult.loose().parse(first);
  }
  const copy = await sendBackup(connection, request);
  const result = RestoreResult.loose().parse(await run([]));
  await removeBackup(connection, request);
  return { ...result, seconds: { ...result.seconds, copy } };
}
