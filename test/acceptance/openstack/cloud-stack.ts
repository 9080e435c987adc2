/** The project's own program in a stack on the cloud under test. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import * as z from "zod";
import { embeddedEngine } from "../../../engine/embedded/embedded-engine";
import type { Engine, EngineOptions } from "../../../engine/engine";
import { pulumiCliEngine } from "../../../engine/pulumi-cli/pulumi-cli-engine";
import { givenConfig, readProject } from "../../../engine/stack-config";
import { findCredentials } from "../../../openstack/credentials";
import { openSession, type Session } from "../../../openstack/session";
import type { LabOptions } from "../../../scripts/lab";
import { PROJECT } from "../../support/lab";
import { projectContents, serverEvidence } from "../../../labs/openstack/project-contents";
import { commandRemote } from "../../support/providers/command-remote";
import { openStackTypes, type OpenStackOptions } from "../../support/providers/openstack";

const execFile = promisify(execFileCallback);

export interface CloudStack {
  readonly session: Session;
  /** Path in a folder for what the test keeps; gone with the stack. */
  path(...parts: readonly string[]): string;
  /** An engine with these settings, by short name, over those of the cloud. */
  engine(settings: Readonly<Record<string, string>>): Engine;
  /** The engine that a command wants for a stack of its own: on the cloud under test. */
  engineOf(lab: LabOptions): Engine;
  /** Who may reach etcd, when a test does not say otherwise. */
  readonly clientCidrs: readonly string[];
  /** Values of the stack's outputs. */
  outputs(): Promise<Readonly<Record<string, unknown>>>;
  /** Runs a command line on the VM as root, over the stack's own `sshCommand`. */
  onVm(command: string): Promise<string>;
  /** What the project holds and did not hold when the stack was opened. */
  left(): Promise<readonly string[]>;
  /** Writes console logs and what the VM still tells into a folder that stays. */
  keepEvidence(): Promise<void>;
  /** Destroys what is there, and removes the folder. */
  dispose(): Promise<void>;
}

/** A session with the cloud under test, as its user or as its administrator. */
export function cloudSession(environment: Readonly<Record<string, string>>): Promise<Session> {
  return openSession(findCredentials({ ...process.env, ...environment }, PROJECT));
}

/** A stack of its own; `ENGINE=pulumi` runs it with the Pulumi CLI and its own providers. */
export async function openCloudStack(options: OpenStackOptions = {}): Promise<CloudStack> {
  const cloud = inject("cloud");
  Object.assign(process.env, cloud.environment); // the CLI's provider reads them
  const session = await cloudSession(cloud.environment);
  const before = new Set(await projectContents(session));
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-test-"));
  const engineOptions = (settings: Readonly<Record<string, string>>): EngineOptions => {
    const all = { ...cloud.settings, labDirectory: path.join(directory, "lab"), ...settings };
    return {
      projectDir: PROJECT,
      stack: "dev",
      workDir: path.join(directory, "work"),
      progress: process.env.PROGRESS === undefined ? "none" : "lines",
      config: Object.fromEntries(
        Object.entries(all).map(([key, value]) => [`etcd-restore:${key}`, value]),
      ),
    };
  };
  const engineWith = (made: EngineOptions): Engine => {
    if (process.env.ENGINE === "pulumi") return pulumiCliEngine(made);
    const types = openStackTypes(session, options);
    return embeddedEngine(made, {
      resources: { ...types.resources, ...commandRemote.resources },
      functions: types.functions ?? {},
    });
  };
  const engine = (settings: Readonly<Record<string, string>>) =>
    engineWith(engineOptions(settings));
  const anything = { snapshot: path.join(PROJECT, "test", "fixtures", "kubernetes-1.35-main.db") };
  const outputs = async () => {
    const all = await engine(anything).outputs();
    return Object.fromEntries(Object.entries(all).map(([name, { value }]) => [name, value]));
  };
  const onVm = async (command: string) => {
    const { sshCommand } = await outputs();
    if (typeof sshCommand !== "string") throw new Error("the stack has no way to its VM yet");
    const ssh = `${sshCommand} -o BatchMode=yes -o ConnectTimeout=10`;
    const running = execFile("sh", ["-c", `${ssh} sudo sh`]);
    // A shell that ended at once says why by its exit, and not here.
    running.child.stdin?.on("error", () => undefined).end(command);
    return (await running).stdout;
  };
  const left = async () => (await projectContents(session)).filter((thing) => !before.has(thing));
  return {
    session,
    path: (...parts) => path.join(directory, ...parts),
    engine,
    engineOf: ({ stack = "dev", config, signal }) =>
      engineWith({
        ...engineOptions({}),
        ...{ stack, config, signal },
        workDir: path.join(config["etcd-restore:labDirectory"] ?? directory, "stack"),
      }),
    clientCidrs: clientCidrsOf(engineOptions({})),
    outputs,
    onVm,
    left,
    async keepEvidence() {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-evidence-"));
      const keep = (name: string, text: string) => {
        fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 });
      };
      // Whatever cannot be had any more must not hide the failure itself.
      const tell = (ask: Promise<string>) => ask.catch((error: unknown) => String(error));
      keep("servers.txt", await tell(serverEvidence(session).then((all) => all.join("\n"))));
      keep("project.txt", await tell(left().then((all) => all.join("\n"))));
      keep("machine.txt", await tell(onVm(EVIDENCE)));
      process.stderr.write(`evidence of the failure is kept in ${folder}\n`);
    },
    async dispose() {
      const { failures } = await engine(anything).destroy();
      if (failures.length > 0) {
        process.stderr.write(`destroy: ${failures.map(({ message }) => message).join("\n")}\n`);
      }
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

function clientCidrsOf(options: EngineOptions): readonly string[] {
  const given = givenConfig(options, readProject(PROJECT)).get("etcd-restore:clientCidrs");
  return z.array(z.string()).parse(given);
}

/** Nothing in it is a key or a value: logs of the boot, of cloud-init and of etcd. */
const EVIDENCE = `cloud-init status --long; tail -n 200 /var/log/cloud-init-output.log
systemctl --failed; journalctl --no-pager -n 300 -u etcd.service -u cloud-final.service`;
