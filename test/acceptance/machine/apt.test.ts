/** The distribution's own packages of etcd: what they can serve is restored, what is too new for them is refused. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { aptMirror, packagesFrom, type AptMirror } from "./apt-mirror";
import {
  expectNoComplaintOf,
  expectNothingLeft,
  failureOf,
  openVmStack,
  programSettings,
} from "./vm-stack";

const files = createWorkspace();
const TOO_NEW = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
afterAll(() => {
  files.remove();
});

/** What the packages of a release hold. */
const MINORS: Readonly<Record<string, string>> = { bookworm: "3.4", trixie: "3.5" };

/**
 * What an image's own upgrades do at its first boot: they hold apt's locks. Longer than the 30 seconds for which
 * cloud-init would wait; `lockf` is what apt itself uses.
 */
const HOLD_SECONDS = 40;
const HOLD = `import fcntl, time
held = [open(f"/var/lib/{name}", "w") for name in ("dpkg/lock-frontend", "apt/lists/lock")]
for file in held: fcntl.lockf(file, fcntl.LOCK_EX)
open("/run/held", "w")
time.sleep(${HOLD_SECONDS})`;
// Without the usual dependencies, for it would come after what waits for it here.
const HOLD_LOCKS =
  "systemd-run --quiet --no-block --property DefaultDependencies=no --unit held " +
  `python3 -c '${HOLD}'; until [ -e /run/held ]; do sleep 0.1; done`;

describe.each(inject("guests"))("a machine with the etcd of $suite", ({ suite, root }) => {
  let mirror: AptMirror;
  beforeAll(async () => {
    mirror = await aptMirror(suite);
  });
  afterAll(() => {
    mirror.remove();
  });

  it("waits for apt's locks, refuses a backup that needs a newer etcd, restores and proves one that it can serve", async () => {
    const stack = openVmStack(PROJECT, {
      root,
      mirror: mirror.serve,
      tamper: (userData) => packagesFrom(stack.cloud.mirror, userData, [HOLD_LOCKS]),
    });
    onTestFinished(() => stack.dispose());
    const engine = (snapshot: string) =>
      stack.engine(programSettings(stack, { snapshot, etcdInstall: "apt" }));

    const refused = await failureOf(engine(TOO_NEW));
    expect(refused.message).toMatch(
      /the etcd in \/usr\/bin is 3\.\d+\.\d+, and the backup needs 3\.6\.\d+: .*set etcdInstall to release or upload/,
    );
    expect(refused.code).toBe(3);
    const machine = stack.cloud.machine();
    expect(await machine.run("cat", "/var/log/cloud-init-output.log")).toMatch(
      /prepare: waiting up to 600 s for another program: Could not get lock/,
    );
    await expectNoComplaintOf(machine);

    expect(await engine(mirror.backup).up()).toMatchObject({ ok: true, failures: [] });
    const report = JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
    expect(report).toMatchObject({ verdict: "pass", restored: { keys: 3 } });
    const minor = MINORS[suite];
    if (minor !== undefined) expect(report.restored.etcdVersion).toMatch(`${minor}.`);
    await expectNothingLeft(stack, engine(mirror.backup));
  });
});
