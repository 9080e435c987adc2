/**
 * `wait-for-ssh HOST PORT SECONDS KEY`: waits until a machine that boots shows the host key `ssh-ed25519 KEY`.
 *
 * Ends with 3 when it shows another key, three times in a row (a machine that boots may show a passing one), and when
 * it does not answer in time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readHostKey } from "../../machine/ssh/ssh-probe";
import { EXIT, UserError } from "../outcome";
import { runScript } from "./request";

const ATTEMPT_MILLISECONDS = 10_000;
const PAUSE_MILLISECONDS = 1_000;
const STRANGE_KEYS = 3;

void runScript(async ([host, port, seconds, key]) => {
  const limit = Number(seconds);
  if (host === undefined || key === undefined || !(limit > 0) || !/^\d+$/.test(port ?? "")) {
    throw new UserError(EXIT.usage, "HOST PORT SECONDS KEY are needed");
  }
  const started = Date.now();
  const elapsed = () => (Date.now() - started) / 1000;
  let strange = 0;
  let last = "";
  do {
    const shown = await readHostKey(host, Number(port), ATTEMPT_MILLISECONDS).catch(
      (error: unknown) => {
        last = error instanceof Error ? error.message : String(error);
        return undefined;
      },
    );
    if (shown === `ssh-ed25519 ${key}`) {
      process.stdout.write("the machine shows the host key that was made for it\n");
      return;
    }
    strange = shown === undefined ? 0 : strange + 1;
    if (shown !== undefined && strange === STRANGE_KEYS) {
      throw new UserError(
        EXIT.environment,
        `${host}:${port} is not the machine that was made: it shows the host key ${shown}, expected ssh-ed25519 ${key}. ` +
          "Either something else answers at this address, or cloud-init did not run (`openstack console log show SERVER`)",
      );
    }
    await sleep(PAUSE_MILLISECONDS);
  } while (elapsed() < limit);
  throw new UserError(
    EXIT.environment,
    `no SSH at ${host}:${port} in ${limit} s; the last attempt: ${last}. Is the port open to this computer (sshCidrs), ` +
      "and did the machine boot (`openstack console log show SERVER`)?",
  );
});
