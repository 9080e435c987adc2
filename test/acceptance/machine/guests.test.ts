/**
 * The systems that machines boot beside this computer's own, on which the other tests are run: the same story in short,
 * each kind of installation once (that of the distribution's packages: apt.test.ts).
 */
import * as fs from "node:fs";
import type { RequestListener } from "node:http";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { TYPES } from "../../support/providers/openstack-machine";
import { releaseMirror, type ReleaseMirror } from "./release-mirror";
import {
  expectNoComplaintOf,
  expectNothingLeft,
  openVmStack,
  programSettings,
  type VmStack,
} from "./vm-stack";

const PROGRAM = path.join(__dirname, "programs", "vm");
const [, ...others] = inject("guests");

describe.each(others)("a backup on a machine with $suite", ({ suite, root }) => {
  const files = createWorkspace();
  const backups = {
    main: files.write("main.db", snapshotBytes("kubernetes-1.35-main.db")),
    events: files.write("events.db", snapshotBytes("kubernetes-1.35-events.db")),
  };
  let stack: VmStack;
  let server: string;
  const engine = (name: keyof typeof backups) =>
    stack.engine(programSettings(stack, { snapshot: backups[name] }));
  const expectProved = (name: keyof typeof backups) => {
    const { live_keys: keys, hashkv } = readTruth(`kubernetes-1.35-${name}.db`);
    const report = JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
    expect(report).toMatchObject({ verdict: "pass", restored: { keys, hashKv: hashkv.hash } });
  };
  beforeAll(() => {
    stack = openVmStack(PROJECT, { root });
  });
  afterAll(async () => {
    await stack.dispose();
    files.remove();
  });

  it("is restored and proved, and cloud-init complains of nothing", async () => {
    expect(await engine("main").up()).toMatchObject({ ok: true, failures: [] });
    server = stack.cloud.only(TYPES.server).id;
    expectProved("main");
    await expectNoComplaintOf(stack.cloud.machine());
  });

  it("needed no xz, gpg, zstd or jq, and sshd need not run before somebody comes", async () => {
    const machine = stack.cloud.machine();
    const there = await machine.run("sh", "-c", "command -v xz gpg zstd jq; true");
    expect(there).toBe("");
    if (suite !== "bookworm") {
      const units = ["ssh.socket", "ssh.service"].map((unit) =>
        machine.run("sh", "-c", `systemctl is-enabled ${unit}; true`),
      );
      expect(await Promise.all(units)).toEqual(["enabled\n", "disabled\n"]);
    }
  });

  it("is left alone when nothing has changed, and makes place for another one", async () => {
    expect(Object.keys((await engine("main").up()).changes)).toEqual(["same"]);
    expect(await engine("events").up()).toMatchObject({ ok: true, failures: [] });
    expectProved("events");
    expect(stack.cloud.only(TYPES.server).id, "the same machine").toBe(server);
  });

  it("leaves nothing after `destroy`", async () => {
    await expectNothingLeft(stack, engine("events"));
  });
});

describe.each(others)("a release on a machine with $suite", ({ root }) => {
  let mirror: ReleaseMirror;
  beforeAll(async () => {
    mirror = await releaseMirror("3.6");
  });
  afterAll(() => {
    mirror.remove();
  });

  it("comes from a mirror that is slow and gives up on the way: each time from where it was", async () => {
    const slow = slowMirror(mirror);
    const stack = openVmStack(PROGRAM, { root, mirror: slow.serve });
    onTestFinished(() => stack.dispose());
    const engine = stack.engine({
      sshDirectory: stack.path("ssh"),
      install: "release",
      url: `${stack.cloud.mirror}${mirror.path}`,
      sha256: mirror.sha256,
    });

    expect(await engine.up()).toMatchObject({ ok: true, failures: [] });

    const machine = stack.cloud.machine();
    expect(await machine.run("/usr/local/bin/etcd", "--version")).toContain(mirror.version);
    await expectNoComplaintOf(machine);
    expect(slow.begins).toHaveLength(3);
    expect(slow.begins[0]).toBe(0);
    expect([...slow.begins].sort((one, other) => one - other)).toEqual(slow.begins);
    expect(new Set(slow.begins).size, "it went on").toBe(3);
    await expectNothingLeft(stack, engine);
  });
});

/** Gives a third of the tarball in pieces, with pauses, and then hangs up; goes on in the middle where it is asked to. */
function slowMirror({ file, path: published }: ReleaseMirror): {
  readonly begins: readonly number[];
  readonly serve: RequestListener;
} {
  const content = fs.readFileSync(file);
  const third = Math.ceil(content.length / 3) + 1;
  const begins: number[] = [];
  const serve: RequestListener = ({ url, headers }, response) => {
    if (url !== published) {
      response.writeHead(404).end();
      return;
    }
    const begin = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
    begins.push(begin);
    const rest = content.subarray(begin);
    response.writeHead(begin === 0 ? 200 : 206, {
      "content-length": rest.length,
      ...(begin === 0
        ? {}
        : { "content-range": `bytes ${begin}-${content.length - 1}/${content.length}` }),
    });
    const pieces = Array.from({ length: 5 }, (_, index) =>
      rest.subarray((index * third) / 5, ((index + 1) * third) / 5),
    );
    const send = (): void => {
      const piece = pieces.shift();
      if (piece !== undefined) {
        response.write(piece);
        setTimeout(send, 200);
      } else if (rest.length > third) response.destroy();
      else response.end();
    };
    send();
  };
  return { begins, serve };
}
