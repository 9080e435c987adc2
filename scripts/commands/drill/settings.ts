/** The settings of a drill's stack: those of the stack that is named, what was typed over them, and what is the drill's own. */
import * as fs from "node:fs";
import * as path from "node:path";
import { givenConfig, readProject, stackFileOf } from "../../../engine/stack-config";
import { nearest } from "../../../settings/names";
import { SETTINGS } from "../../../settings/settings";
import type { VerificationLevel } from "../../../etcd/report/report";
import { EXIT, UserError } from "../../outcome";
import { PROJECT_DIR } from "../../project";
import { stackSettings } from "../../stack-settings";

/** By full name, as an engine takes them. */
export type Config = Readonly<Record<string, string>>;

export interface SettingsOptions {
  readonly target?: "local" | "openstack";
  /** Whose file is read; the stack itself is not touched. @default local; for openstack: dev */
  readonly stack?: string;
  readonly level?: VerificationLevel;
  readonly config: Config;
}

export interface DrillSettings {
  readonly target: "local" | "openstack";
  readonly level: VerificationLevel;
  readonly config: Config;
}

const FILES = { local: "local", openstack: "dev" } as const;

/** What a drill decides itself: given by hand they would be shared by two. */
const OWN = ["labDirectory", "snapshot"];

/** @throws UserError for a stack without a file, and for settings that a drill decides itself */
export function drillSettings(options: SettingsOptions): DrillSettings {
  const { target: wanted, stack = FILES[wanted ?? "local"] } = options;
  const engine = { ...stackSettings(stack, {}), workDir: "" };
  if (options.stack !== undefined && !fs.existsSync(stackFileOf(engine))) {
    const known = fs
      .readdirSync(path.dirname(stackFileOf(engine)))
      .flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
    throw new UserError(
      EXIT.usage,
      `stack ${JSON.stringify(stack)} has no ${path.basename(stackFileOf(engine))}${nearest(stack, known)}`,
    );
  }
  const own = OWN.filter((name) => `etcd-restore:${name}` in options.config);
  if (own.length > 0) {
    throw new UserError(
      EXIT.usage,
      `${own.join(", ")} is the drill's own: the backup is FILE or --from, and its folder lies in --home`,
    );
  }
  const file: Config = Object.fromEntries(
    [...givenConfig(engine, readProject(PROJECT_DIR))].map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  const config: Config = { ...file, ...options.config };
  const named = config["etcd-restore:target"] ?? "openstack";
  const target = wanted ?? (named === "local" ? "local" : "openstack");
  const level =
    options.level ??
    SETTINGS.verification.oneOf.find((name) => name === config["etcd-restore:verification"]) ??
    "full";
  const verification = options.level === undefined ? {} : { "etcd-restore:verification": level };
  return { target, level, config: { ...config, "etcd-restore:target": target, ...verification } };
}

/** Of a stack's settings those that taking it away needs: none that could be a secret. */
const NEEDED = [
  "etcd-restore:target",
  "etcd-restore:labDirectory",
  "openstack:cloud",
  "openstack:region",
];

export function settingsToDestroy(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([name]) => NEEDED.includes(name)));
}
