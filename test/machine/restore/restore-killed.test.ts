/** restore.sh ended in the middle: by SIGKILL before each thing that it does, and by the signals of a person. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureEtcd } from "../../../machine/programs/programs";
import {
  eventually,
  makeFolder,
  makeLab,
  processesIn,
  removeFolder,
  run,
  unpackSamples,
} from "../lab";
import type { Lab, Sample } from "../lab";

let folder: string;
let lab: Lab;
let samples: { readonly main: Sample; readonly events: Sample };

beforeAll(async () => {
  const { etcd } = await ensureEtcd("3.6");
  folder = makeFolder();
  samples = unpackSamples(folder);
  lab = await makeLab(folder, { programs: path.dirname(etcd) });
}, 900_000);

afterAll(() => {
  removeFolder(folder);
});

/**
 * What bash reads before the script: it kills the script before the first step at which it was not killed in an
 * earlier run, and adds that step's name to KILL_LOG. A step is an announced line, or a command that changes or starts
 * something.
 */
const KILLER = `
if [[ $0 == */restore.sh ]]; then
  set -o functrace
  declare -A killed_at=()
  while IFS= read -r step; do killed_at[$step]=1; done <"$KILL_LOG"
  kill_at_step() {
    [[ -z \${killed_at[$1]-} ]] || return 0
    printf "%s\\n" "$1" >>"$KILL_LOG"
    kill -KILL $$
  }
  trap 'case $BASH_SUBSHELL,\${BASH_COMMAND%% *} in
    0,say | 0,mv | 0,rm | 0,write_file | 0,with_token | 0,service | 0,guarded)
      kill_at_step "$BASH_COMMAND" ;;
  esac' DEBUG
fi`;

/** Restores a sample and must see it served whole, by one process, with nothing half done left beside it. */
async function restoresWell(sample: Sample): Promise<void> {
  const ended = await run(lab.restoreArgv(sample));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(lab.hashKv(sample.revision)).toBe(sample.hashKv);
  expect(processesIn(folder)).toEqual([lab.pid()]);
  for (const name of lab.beside()) expect(name).toMatch(/^data\.aside-\d{8}T\d{6}Z$/);
  const marker = fs.readFileSync(path.join(lab.data, "member", "restored-from"), "utf8");
  expect(marker).toContain(`sha256=${sample.sha256}\n`);
  expect(marker).toContain(`token=${String(lab.token())}\n`);
}

/** What is served now, if anything is: one of the samples from its first key to its last, never a mixture. */
function servesOneOrNothing(): void {
  let revision: number;
  try {
    revision = Number(/"revision":(\d+)/.exec(lab.etcdctl("get", "x", "-w", "json"))?.[1]);
  } catch {
    return;
  }
  const sample = revision >= samples.main.revision ? samples.main : samples.events;
  expect(lab.hashKv(sample.revision)).toBe(sample.hashKv);
}

describe("restore.sh killed by SIGKILL", () => {
  it("before any step: no half restored data is served, and running it again ends well", async () => {
    const bashEnv = path.join(folder, "killer.sh");
    const log = path.join(folder, "steps.log");
    fs.writeFileSync(bashEnv, KILLER);
    await restoresWell(samples.events);

    fs.writeFileSync(log, "");
    let [old, sample] = [samples.events, samples.main];
    for (;;) {
      const pid = lab.pid();
      const env = { BASH_ENV: bashEnv, KILL_LOG: log };
      const killed = await run(lab.restoreArgv(sample), { env });
      if (killed.code === 0) break;
      expect(killed.code, killed.stderr).toBe("SIGKILL");
      // What proves the new data ends with the script; what serves the old lives on.
      await eventually("only the service runs", () => {
        const serving = lab.pid();
        return processesIn(folder).every((other) => other === serving);
      });
      if (pid !== undefined && lab.pid() === pid) {
        // Nothing has happened to the old one yet, and the next step's run goes over what this one left.
        expect(lab.hashKv(old.revision)).toBe(old.hashKv);
        continue;
      }
      servesOneOrNothing();
      await restoresWell(sample);
      [old, sample] = [sample, old];
    }

    const steps = fs.readFileSync(log, "utf8");
    for (const announced of [
      "looking",
      "checking",
      "restoring",
      "proving",
      "stopping",
      "moving",
      "starting",
      "serving",
    ]) {
      expect(steps).toContain(`say "${announced}`);
    }
    expect(steps.trim().split("\n").length).toBeGreaterThan(20);
  }, 600_000);
});

describe("restore.sh ended by a person", () => {
  it.each([
    ["SIGTERM", 143, "restoring with"],
    ["SIGINT", 130, "proving revision"],
    ["SIGTERM", 143, "moving what was restored"],
    ["SIGHUP", 129, "starting etcd"],
  ] as const)(
    '%s (exit %i) at "%s": cleans up, and the old etcd serves',
    async (signal, code, line) => {
      await restoresWell(samples.events);
      const token = lab.token();
      let sent = false;
      const ended = await run(lab.restoreArgv(samples.main), {
        onStderr: (text, child) => {
          if (!sent && text.includes(line)) sent = child.kill(signal);
        },
      });
      expect(ended.code, ended.stderr).toBe(code);
      expect(lab.hashKv(samples.events.revision)).toBe(samples.events.hashKv);
      expect(lab.token()).toBe(token);
      expect(processesIn(folder)).toEqual([lab.pid()]);
      for (const name of lab.beside()) expect(name).toMatch(/^data\.(aside|quarantine)-/);
      for (const name of lab.beside()) fs.rmSync(path.join(folder, name), { recursive: true });
    },
  );
});
