/** The stack's settings: the only reader of Pulumi's config, and every problem told at once. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import { CidrError, parseCidrs } from "./machine/cidr";
import { isPlainPath, PLAIN_PATH } from "./machine/environment";
import { localMembers, portConflict, PORT_STEP } from "./machine/local/members";
import { parseEncryptionConfig } from "./etcd/encryption/configuration";
import { EncryptionConfigError } from "./etcd/encryption/errors";
import { unknownSettings } from "./settings/names";
import { isRemote, shownAddress } from "./sources/address";
import type { VerificationLevel } from "./etcd/report/report";

/** Settings of one stack, checked. Pulumi.yaml says what each means. */
export type Settings = LocalSettings | OpenStackSettings;

/** What both targets know; paths are absolute. */
interface CommonSettings {
  readonly snapshot: string;
  readonly verification: VerificationLevel;
  readonly expectedKeys: readonly string[];
  /** `auto`, X.Y or X.Y.Z. */
  readonly etcdVersion: string;
  readonly etcdPrograms: string | undefined;
  /** Absolute path of the public key that must have signed the backup's manifest. */
  readonly trustedKey: string | undefined;
  /** `off`, `auto`, `next`, or a version: which kube-apiserver must come up on a clone. */
  readonly kubernetes: string;
  /** UID of the namespace kube-system of the cluster that the backup must be of. */
  readonly expectedCluster: string | undefined;
  /** Kubernetes' EncryptionConfiguration, as text; it has been read, so an API server would take it. */
  readonly encryptionConfig: pulumi.Output<string> | undefined;
  /** How many members the cluster has. */
  readonly members: number;
  /** Of the first member; on this computer those of the others follow from them. */
  readonly clientPort: number;
  readonly peerPort: number;
  readonly labDirectory: string;
  readonly credentials: Credentials | undefined;
  readonly bumpRevision: number | undefined;
}

export interface LocalSettings extends CommonSettings {
  readonly target: "local";
}

export interface OpenStackSettings extends CommonSettings {
  readonly target: "openstack";
  readonly image: string;
  readonly flavor: string;
  readonly externalNetwork: string | undefined;
  readonly network: string | undefined;
  readonly floatingIp: boolean;
  readonly bastion: BastionSettings | undefined;
  readonly sshCidrs: readonly string[];
  readonly clientCidrs: readonly string[];
  readonly allowPublicAccess: boolean;
  readonly dataVolumeGiB: number | undefined;
  /** Where the clone for a kube-apiserver is made. */
  readonly kubernetesOn: "here" | "machine";
  /** Whether each VM is rebooted after its proof. */
  readonly reboot: boolean;
  readonly etcdInstall: "release" | "apt" | "upload";
  readonly etcdMirror: string | undefined;
}

/** Of a user of the restored store's own authentication. */
export interface Credentials {
  readonly username: string;
  readonly password: pulumi.Output<string>;
}

/** A machine between this computer and the VM. */
export interface BastionSettings {
  readonly host: string;
  readonly user: string;
  readonly port: number;
  readonly privateKey: pulumi.Output<string>;
  readonly hostKey: string;
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

const TARGETS = ["openstack", "local"] as const;
const LEVELS = ["quick", "standard", "full"] as const satisfies readonly VerificationLevel[];
/** An even number has no more members that may be lost than the odd one below it. */
const MEMBERS = ["1", "3", "5"] as const;
const PLACES = ["here", "machine"] as const;
const INSTALLS = ["release", "apt", "upload"] as const;
/** A bump that no cluster reaches between two backups: what etcd's own guide to disaster recovery takes. */
const AUTOMATIC_BUMP = 1_000_000_000;
const PORTS = { local: [22379, 22380], openstack: [2379, 2380] } as const;

const Bastion = z.strictObject({
  host: z.string().min(1),
  user: z.string().min(1),
  port: z.coerce.number().int().min(1).max(65535).default(22),
  privateKey: z.string().min(1),
  hostKey: z.string().regex(/^ssh-ed25519 \S/, "must be like `ssh-ed25519 AAAA…`"),
});

/** Reads and checks the stack's settings; throws one SettingsError with all problems. */
export function loadSettings(config = new pulumi.Config()): Settings {
  const reader = new Reader(config);
  const target = reader.oneOf("target", TARGETS, "openstack");
  const common = commonSettings(reader, target);
  const settings: Settings =
    target === "local"
      ? { target, ...common }
      : { target, ...common, ...openStackSettings(reader, config) };
  // One that nobody reads is a wish that would not come true.
  reader.problems.push(...unknownSettings(Object.keys(pulumi.runtime.allConfig())));
  if (reader.problems.length > 0) throw new SettingsError(reader.problems);
  return settings;
}

function commonSettings(reader: Reader, target: Settings["target"]): CommonSettings {
  const snapshot = reader.required(
    "snapshot",
    "the path of the backup, or where it lies (pulumi config set snapshot FILE)",
  );
  const etcdVersion = reader.text("etcdVersion") ?? "auto";
  if (!/^(auto|\d+\.\d+(\.\d+)?)$/.test(etcdVersion)) {
    reader.wrong("etcdVersion", etcdVersion, "auto, or a version such as 3.6 or 3.6.16");
  }
  const [client, peer] = PORTS[target];
  const clientPort = reader.port("clientPort", client);
  const peerPort = reader.port("peerPort", peer);
  if (clientPort === peerPort) {
    reader.problem(`clientPort and peerPort are both ${clientPort}; they must differ`);
  }
  const members = Number(reader.oneOf("members", MEMBERS, "1"));
  const kubernetes = reader.text("kubernetes") ?? "off";
  if (!/^(off|auto|next|v?1\.\d+(\.\d+)?)$/.test(kubernetes)) {
    reader.wrong("kubernetes", kubernetes, "off, auto, next, or a version such as 1.35 or 1.35.4");
  }
  const bump = reader.text("bumpRevision");
  if (bump !== undefined && !/^(auto|[1-9]\d{0,14})$/.test(bump)) {
    reader.wrong("bumpRevision", bump, "auto, or a whole number above 0");
  }
  const username = reader.text("etcdUsername");
  const password = reader.secret("etcdPassword");
  if ((username === undefined) !== (password === undefined)) {
    reader.problem("etcdUsername and etcdPassword go together; only one of them is set");
  }
  const etcdPrograms = reader.text("etcdPrograms");
  const trustedKey = reader.text("trustedKey");
  reader.encryptionConfig("encryptionConfig");
  const labDirectory = path.resolve(reader.text("labDirectory") ?? ".lab");
  if (target === "local" && !isPlainPath(labDirectory)) {
    reader.wrong("labDirectory", labDirectory, PLAIN_PATH);
  }
  if (target === "local" && members > 1) {
    const conflict = portConflict(localMembers(members, { labDirectory, clientPort, peerPort }));
    if (conflict !== undefined) {
      reader.problem(
        `members is ${members}: each further one has its ports ${PORT_STEP} above those of the one before, and ` +
          `${conflict}; set clientPort and peerPort otherwise`,
      );
    }
  }
  if (/^-$|^[^/]*:\/\/[^/]*@/.test(snapshot)) {
    const wanted =
      "a path, https://…, s3://BUCKET/PREFIX or swift://CONTAINER/PREFIX, without a password";
    reader.wrong("snapshot", shownAddress(snapshot), wanted);
  }
  return {
    snapshot: isRemote(snapshot) ? snapshot : path.resolve(snapshot),
    verification: reader.oneOf("verification", LEVELS, "full"),
    expectedKeys: reader.list("expectedKeys"),
    etcdVersion,
    etcdPrograms: etcdPrograms === undefined ? undefined : path.resolve(etcdPrograms),
    trustedKey: trustedKey === undefined ? undefined : path.resolve(trustedKey),
    kubernetes,
    expectedCluster: reader.text("expectedCluster"),
    encryptionConfig: reader.secret("encryptionConfig"),
    members,
    clientPort,
    peerPort,
    labDirectory,
    credentials:
      username === undefined || password === undefined ? undefined : { username, password },
    bumpRevision: bump === undefined ? undefined : bump === "auto" ? AUTOMATIC_BUMP : Number(bump),
  };
}

function openStackSettings(
  reader: Reader,
  config: pulumi.Config,
): Omit<OpenStackSettings, "target" | keyof CommonSettings> {
  const network = reader.text("network");
  const floatingIp = reader.flag("floatingIp", true);
  const externalNetwork = reader.text("externalNetwork");
  if (externalNetwork === undefined && (network === undefined || floatingIp)) {
    reader.problem(
      "externalNetwork is not set; it is where the router leads and the floating IP comes from " +
        "(`openstack network list --external` shows what there is)",
    );
  }
  const allowPublicAccess = reader.flag("allowPublicAccess", false);
  const kubernetesOn = reader.oneOf("kubernetesOn", PLACES, "here");
  if (kubernetesOn === "machine" && (reader.text("kubernetes") ?? "off") === "off") {
    reader.problem("kubernetesOn is machine, and kubernetes is off: set kubernetes to auto");
  }
  const reboot = reader.flag("reboot", false);
  if (reboot && (reader.text("verification") ?? "full") !== "full") {
    reader.problem("reboot is true: what holds after it is compared at verification full alone");
  }
  const dataVolumeGiB = reader.wholeNumber("dataVolumeGiB", 65536, "a size in GiB (0: none)");
  const etcdMirror = reader.text("etcdMirror");
  if (etcdMirror !== undefined && !/^https?:\/\/\S+$/.test(etcdMirror)) {
    reader.wrong("etcdMirror", etcdMirror, "an http or https URL");
  }
  return {
    image: reader.required(
      "image",
      "the name or id of Ubuntu 22.04, 24.04 or Debian 12 (`openstack image list`)",
    ),
    flavor: reader.required("flavor", "the VM's size, a name or an id (`openstack flavor list`)"),
    externalNetwork,
    network,
    floatingIp,
    bastion: bastionSettings(reader, config),
    sshCidrs: reader.cidrs("sshCidrs", allowPublicAccess, "through which everything is done"),
    clientCidrs: reader.cidrs("clientCidrs", allowPublicAccess, "which reads the etcd back"),
    allowPublicAccess,
    dataVolumeGiB: dataVolumeGiB === 0 ? undefined : dataVolumeGiB,
    kubernetesOn,
    reboot,
    etcdInstall: reader.oneOf("etcdInstall", INSTALLS, "release"),
    etcdMirror,
  };
}

function bastionSettings(reader: Reader, config: pulumi.Config): BastionSettings | undefined {
  const given: unknown = config.getObject("bastion") ?? {};
  if (typeof given === "object" && given !== null && Object.keys(given).length === 0) {
    return undefined;
  }
  const parsed = Bastion.safeParse(given);
  if (parsed.success) {
    return { ...parsed.data, privateKey: pulumi.secret(parsed.data.privateKey) };
  }
  // Without what was given: it may be the key.
  for (const { path: at, message } of parsed.error.issues) {
    reader.problem(`${["bastion", ...at].join(".")}: ${message}`);
  }
  return undefined;
}

/** Reads settings one by one, and keeps what is wrong with them. An empty text is no setting. */
class Reader {
  public readonly problems: string[] = [];

  constructor(private readonly config: pulumi.Config) {}

  problem(text: string): void {
    this.problems.push(`${this.config.name}:${text}`);
  }

  wrong(key: string, given: unknown, wanted: string): void {
    this.problem(`${key} is ${JSON.stringify(given)}; it must be ${wanted}`);
  }

  text(key: string): string | undefined {
    const given = this.config.get(key)?.trim();
    return given === "" ? undefined : given;
  }

  secret(key: string): pulumi.Output<string> | undefined {
    return this.text(key) === undefined ? undefined : this.config.getSecret(key);
  }

  /** Says what is wrong with a configuration; its content never. */
  encryptionConfig(key: string): void {
    const text = this.text(key);
    if (text === undefined) return;
    try {
      parseEncryptionConfig(text);
    } catch (error) {
      if (!(error instanceof EncryptionConfigError)) throw error;
      this.problem(`${key}: ${error.message}`);
    }
  }

  required(key: string, meaning: string): string {
    const given = this.text(key);
    if (given === undefined) this.problem(`${key} is not set; it is ${meaning}`);
    return given ?? "";
  }

  oneOf<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
    const given = this.text(key);
    const known = allowed.find((word) => word === given);
    if (known === undefined && given !== undefined) {
      this.wrong(key, given, `one of ${allowed.join(", ")}`);
    }
    return known ?? fallback;
  }

  flag(key: string, fallback: boolean): boolean {
    return this.oneOf(key, ["true", "false"], fallback ? "true" : "false") === "true";
  }

  wholeNumber(key: string, most: number, wanted: string): number {
    const given = this.text(key) ?? "0";
    const number = Number(given);
    if (!/^\d+$/.test(given) || number > most) this.wrong(key, given, wanted);
    return number;
  }

  port(key: string, fallback: number): number {
    const wanted = "a port number, 1 to 65535 (or 0 for the default)";
    return this.wholeNumber(key, 65535, wanted) || fallback;
  }

  list(key: string): readonly string[] {
    const given: unknown = this.config.getObject(key) ?? [];
    if (Array.isArray(given) && given.every((item) => typeof item === "string")) return given;
    this.wrong(key, given, "a list of texts");
    return [];
  }

  cidrs(key: string, allowPublicAccess: boolean, why: string): readonly string[] {
    const given = this.list(key);
    if (given.length === 0) {
      this.problem(
        `${key} is not set; name at least the network of this computer, ${why}, like ["203.0.113.7/32"]`,
      );
    }
    try {
      return parseCidrs(key, given, allowPublicAccess).map(({ text }) => text);
    } catch (error) {
      if (!(error instanceof CidrError)) throw error;
      this.problem(error.message);
      return [];
    }
  }
}
