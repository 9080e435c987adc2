/** A program in a stack of its own, with a cloud of its own. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { expect } from "vitest";
import { embeddedEngine } from "../../../engine/embedded/embedded-engine";
import type { Engine } from "../../../engine/engine";
import type { Machine } from "../../../labs/machine/machine";
import { exitCodeOf } from "../../../scripts/outcome";
import { ASK_CLOUD_INIT, expectNoComplaint } from "../../support/cloud-init";
import { commandRemote } from "../../support/providers/command-remote";
import {
  EXTERNAL_NETWORK,
  FLAVOR,
  IMAGE,
  openCloud,
  type Cloud,
  type CloudOptions,
} from "../../support/providers/openstack-machine";

export interface VmStack {
  readonly cloud: Cloud;
  /** Path in a folder for what the test keeps; gone with the stack. */
  path(...parts: readonly string[]): string;
  /** An engine with these settings; tells its progress on stderr when asked to. */
  engine(config?: Readonly<Record<string, string>>, progress?: "none" | "lines"): Engine;
  /** Values of the stack's outputs. */
  outputs(): Promise<Readonly<Record<string, unknown>>>;
  /** Ends and removes everything, whatever has happened. */
  dispose(): Promise<void>;
}

/** A stack of a program of this folder, or of the project itself. */
export function openVmStack(projectDir: string, options: CloudOptions): VmStack {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-test-"));
  const cloud = openCloud(options);
  const engine: VmStack["engine"] = (config = {}, progress = "none") =>
    embeddedEngine(
      {
        projectDir,
        stack: "test",
        workDir: path.join(directory, "work"),
        progress,
        config,
      },
      {
        resources: { ...cloud.types.resources, ...commandRemote.resources },
        functions: cloud.types.functions ?? {},
      },
    );
  return {
    cloud,
    path: (...parts) => path.join(directory, ...parts),
    engine,
    async outputs() {
      const outputs = await engine().outputs();
      return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
    },
    async dispose() {
      await cloud.dispose();
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What an `up` that fails says and how the command would end: with one failure, and never with a stack trace. */
export async function failureOf(engine: Engine): Promise<{ code: number; message: string }> {
  const result = await engine.up();
  expect(result.ok).toBe(false);
  expect(result.failures).toHaveLength(1);
  const { message = "" } = result.failures[0] ?? {};
  expect(message).not.toMatch(/^\s+at /m);
  return { code: exitCodeOf(result), message };
}

/** Everything goes, also after a failure. */
export async function expectNothingLeft(stack: VmStack, engine: Engine): Promise<void> {
  expect(await engine.destroy()).toMatchObject({ ok: true, failures: [] });
  expect(stack.cloud.contents()).toEqual([]);
}

/** cloud-init of the machine has done everything, and complains of nothing. */
export async function expectNoComplaintOf(machine: Machine): Promise<void> {
  expectNoComplaint(await machine.run("sh", "-c", ASK_CLOUD_INIT));
}

/** Runs a shell text on the machine and does not wait for its end. */
export async function later(stack: VmStack, text: string): Promise<void> {
  await stack.cloud.machine().run("sh", "-c", `( ${text} ) </dev/null >/dev/null 2>&1 &`);
}

/** Settings of the project's own program for a stack of it, by full name; programs are copied over by default. */
export function programSettings(
  stack: VmStack,
  more: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const here = '["198.51.100.0/24"]';
  const all = {
    target: "openstack",
    image: IMAGE,
    flavor: FLAVOR,
    externalNetwork: EXTERNAL_NETWORK,
    sshCidrs: here,
    clientCidrs: here,
    etcdInstall: "upload",
    labDirectory: stack.path("lab"),
    ...more,
  };
  return Object.fromEntries(
    Object.entries(all).map(([key, value]) => [`etcd-restore:${key}`, value]),
  );
}
