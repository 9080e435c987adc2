/** The stack's settings: the only reader of Pulumi's config, and every problem told at once. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { VerificationLevel } from "./etcd/report/report";

/** Settings of one stack, checked; paths are absolute. Pulumi.yaml says what each means. */
export interface Settings {
  readonly target: "local";
  readonly snapshot: string;
  readonly verification: VerificationLevel;
  readonly expectedKeys: readonly string[];
  /** `auto`, X.Y or X.Y.Z. */
  readonly etcdVersion: string;
  readonly etcdPrograms: string | undefined;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly labDirectory: string;
  readonly credentials: Credentials | undefined;
}

/** Of a user of the restored store's own authentication. */
export interface Credentials {
  readonly username: string;
  readonly password: pulumi.Output<string>;
}

/** Names every setting that is wrong. A RunError, so Pulumi prints its message without a stack. */
export class SettingsError extends pulumi.RunError {
  constructor(problems: readonly string[]) {
    super(
      [
        `the settings of stack ${pulumi.getStack()} are wrong:`,
        ...problems.map((p) => `- ${p}`),
      ].join("\n"),
    );
  }
}

const LEVELS = ["quick", "standard", "full"] as const satisfies readonly VerificationLevel[];

/** Reads and checks the stack's settings; throws one SettingsError with all problems. */
export function loadSettings(config = new pulumi.Config()): Settings {
  const problems: string[] = [];
  const wrong = (key: string, given: unknown, wanted: string): void => {
    problems.push(`${config.name}:${key} is ${JSON.stringify(given)}; it must be ${wanted}`);
  };
  const text = (key: string): string => config.get(key)?.trim() ?? "";

  const oneOf = <T extends string>(key: string, allowed: readonly T[], fallback: T): T => {
    const given = text(key);
    const known = allowed.find((word) => word === given);
    if (known === undefined && given !== "") wrong(key, given, `one of ${allowed.join(", ")}`);
    return known ?? fallback;
  };
  const port = (key: string, fallback: number): number => {
    const given = text(key);
    const number = Number(given);
    if (!/^\d*$/.test(given) || number > 65535) {
      wrong(key, given, "a port number, 1 to 65535 (or 0 for the default)");
    }
    return number === 0 ? fallback : number;
  };
  const list = (key: string): readonly string[] => {
    const given: unknown = config.getObject(key) ?? [];
    if (Array.isArray(given) && given.every((item) => typeof item === "string")) return given;
    wrong(key, given, "a list of texts");
    return [];
  };

  const target = text("target") === "" ? "openstack" : text("target");
  if (target === "openstack") {
    problems.push(
      `${config.name}:target openstack is not in this version yet; set it to local (pulumi config set target local)`,
    );
  } else if (target !== "local") wrong("target", target, "local");

  const snapshot = text("snapshot");
  if (snapshot === "") {
    problems.push(
      `${config.name}:snapshot is not set; it is the path of the backup file (pulumi config set snapshot FILE)`,
    );
  }

  const etcdVersion = text("etcdVersion") === "" ? "auto" : text("etcdVersion");
  if (!/^(auto|\d+\.\d+(\.\d+)?)$/.test(etcdVersion)) {
    wrong("etcdVersion", etcdVersion, "auto, or a version such as 3.6 or 3.6.16");
  }

  const clientPort = port("clientPort", 22379);
  const peerPort = port("peerPort", 22380);
  if (clientPort === peerPort) {
    problems.push(
      `${config.name}:clientPort and peerPort are both ${clientPort}; they must differ`,
    );
  }

  const username = text("etcdUsername");
  const password = config.getSecret("etcdPassword");
  if ((username === "") !== (text("etcdPassword") === "")) {
    problems.push(
      `${config.name}:etcdUsername and etcdPassword go together; only one of them is set`,
    );
  }

  const settings: Settings = {
    target: "local",
    snapshot: path.resolve(snapshot),
    verification: oneOf("verification", LEVELS, "full"),
    expectedKeys: list("expectedKeys"),
    etcdVersion,
    etcdPrograms: text("etcdPrograms") === "" ? undefined : path.resolve(text("etcdPrograms")),
    clientPort,
    peerPort,
    labDirectory: path.resolve(text("labDirectory") === "" ? ".lab" : text("labDirectory")),
    credentials: username === "" || password === undefined ? undefined : { username, password },
  };
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}
