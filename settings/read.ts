/** The settings of a stack out of what is given: what each is by itself, and what must fit together. */
import * as path from "node:path";
import * as z from "zod";
import { parseEncryptionConfig } from "../etcd/encryption/parse-configuration";
import { EncryptionConfigError } from "../etcd/encryption/errors";
import { isPlainPath, PLAIN_PATH } from "../machine/environment";
import { localMembers, portConflict, PORT_STEP } from "../machine/local/members";
import { isRemote, shownAddress } from "../sources/address";
import { unknownSettings } from "./names";
import { Reader, type GivenSettings, type Problem } from "./reader";
import type {
  BastionSettings,
  CommonSettings,
  Credentials,
  OpenStackSettings,
  Settings,
} from "./types";

/** A bump that no cluster reaches between two backups: what etcd's own guide to disaster recovery takes. */
const AUTOMATIC_BUMP = 1_000_000_000;
/** For clients and for peers, where none is given. */
const PORTS = { local: [22379, 22380], openstack: [2379, 2380] } as const;

const Bastion = z.strictObject({
  host: z.string().min(1),
  user: z.string().min(1),
  port: z.coerce.number().int().min(1).max(65535).default(22),
  privateKey: z.string().min(1),
  hostKey: z.string().regex(/^ssh-ed25519 \S/, "must be like `ssh-ed25519 AAAA…`"),
});

/** The settings, and every problem with them: where there is one, they are not to be used. */
export interface ReadSettings<Secret> {
  readonly settings: Settings<Secret>;
  readonly problems: readonly Problem[];
}

/**
 * Reads and checks all of them.
 * @param fullNames of all that are given: one that nobody reads is a wish that would not come true
 * @param seal makes of a text what nobody may see
 * @param folder what a relative path is as of
 */
export function readSettings<Secret>(
  given: GivenSettings,
  fullNames: Iterable<string>,
  seal: (text: string) => Secret,
  folder = process.cwd(),
): ReadSettings<Secret> {
  const reader = new Reader(given);
  const target = reader.word("target");
  const common = commonSettings(reader, target, seal, folder);
  const settings =
    target === "local"
      ? { target, ...common }
      : { target, ...common, ...openStackSettings(reader, seal) };
  const unknown = unknownSettings(fullNames).map((text) => ({ text, names: [] }));
  return { settings, problems: [...reader.problems, ...unknown] };
}

/** What is said of a stack whose settings are wrong. */
export function wrongSettings(stack: string, problems: readonly Problem[]): string {
  return [
    `the settings of stack ${stack} are wrong:`,
    ...problems.map(({ text }) => `- ${text}`),
  ].join("\n");
}

function commonSettings<Secret>(
  reader: Reader,
  target: Settings<Secret>["target"],
  seal: (text: string) => Secret,
  folder: string,
): CommonSettings<Secret> {
  const snapshot = reader.required("snapshot");
  if (/^-$|^[^/]*:\/\/[^/]*@/.test(snapshot)) {
    const wanted =
      "a path, https://…, s3://BUCKET/PREFIX or swift://CONTAINER/PREFIX, without a password";
    reader.wrong("snapshot", shownAddress(snapshot), wanted);
  }
  const bump = reader.text("bumpRevision");
  const encryptionConfig = encryptionText(reader);
  const absolute = (name: "etcdPrograms" | "trustedKey"): string | undefined => {
    const given = reader.text(name);
    return given === undefined ? undefined : path.resolve(folder, given);
  };
  return {
    snapshot: isRemote(snapshot) ? snapshot : path.resolve(folder, snapshot),
    verification: reader.word("verification"),
    expectedKeys: reader.list("expectedKeys"),
    etcdVersion: reader.text("etcdVersion") ?? "auto",
    etcdPrograms: absolute("etcdPrograms"),
    trustedKey: absolute("trustedKey"),
    kubernetes: reader.text("kubernetes") ?? "off",
    expectedCluster: reader.text("expectedCluster"),
    encryptionConfig: encryptionConfig === undefined ? undefined : seal(encryptionConfig),
    credentials: credentials(reader, seal),
    bumpRevision: bump === undefined ? undefined : bump === "auto" ? AUTOMATIC_BUMP : Number(bump),
    ...placed(reader, target, folder),
  };
}

/** Where the members are, which must not be in each other's way. */
function placed(
  reader: Reader,
  target: Settings<unknown>["target"],
  folder: string,
): Pick<CommonSettings<unknown>, "members" | "clientPort" | "peerPort" | "labDirectory"> {
  const [client, peer] = PORTS[target];
  const clientPort = reader.number("clientPort") || client;
  const peerPort = reader.number("peerPort") || peer;
  if (clientPort === peerPort) {
    reader.problem(
      `clientPort and peerPort are both ${clientPort}; they must differ`,
      "clientPort",
      "peerPort",
    );
  }
  const members = Number(reader.word("members"));
  const labDirectory = path.resolve(folder, reader.text("labDirectory") ?? ".lab");
  if (target === "local" && !isPlainPath(labDirectory)) {
    reader.wrong("labDirectory", labDirectory, PLAIN_PATH);
  }
  if (target === "local" && members > 1) {
    const conflict = portConflict(localMembers(members, { labDirectory, clientPort, peerPort }));
    if (conflict !== undefined) {
      reader.problem(
        `members is ${members}: each further one has its ports ${PORT_STEP} above those of the one before, and ` +
          `${conflict}; set clientPort and peerPort otherwise`,
        ...["members", "clientPort", "peerPort"],
      );
    }
  }
  return { members, clientPort, peerPort, labDirectory };
}

function credentials<Secret>(
  reader: Reader,
  seal: (text: string) => Secret,
): Credentials<Secret> | undefined {
  const username = reader.text("etcdUsername");
  const password = reader.secret("etcdPassword");
  if ((username === undefined) !== (password === undefined)) {
    reader.problem(
      "etcdUsername and etcdPassword go together; only one of them is set",
      ...["etcdUsername", "etcdPassword"],
    );
  }
  if (username === undefined || password === undefined) return undefined;
  return { username, password: seal(password) };
}

/** Says what is wrong with a configuration; its content never. */
function encryptionText(reader: Reader): string | undefined {
  const text = reader.secret("encryptionConfig");
  if (text === undefined) return undefined;
  try {
    parseEncryptionConfig(text.trim());
  } catch (error) {
    if (!(error instanceof EncryptionConfigError)) throw error;
    reader.problem(`encryptionConfig: ${error.message}`, "encryptionConfig");
  }
  return text;
}

function openStackSettings<Secret>(
  reader: Reader,
  seal: (text: string) => Secret,
): Omit<OpenStackSettings<Secret>, "target" | keyof CommonSettings<Secret>> {
  const network = reader.text("network");
  const floatingIp = reader.flag("floatingIp");
  const externalNetwork = reader.text("externalNetwork");
  if (externalNetwork === undefined && (network === undefined || floatingIp)) {
    reader.problem(
      "externalNetwork is not set; it is where the router leads and the floating IP comes from " +
        "(`openstack network list --external` shows what there is)",
      ...["externalNetwork", "network", "floatingIp"],
    );
  }
  const allowPublicAccess = reader.flag("allowPublicAccess");
  const kubernetesOn = reader.word("kubernetesOn");
  if (kubernetesOn === "machine" && (reader.text("kubernetes") ?? "off") === "off") {
    reader.problem(
      "kubernetesOn is machine, and kubernetes is off: set kubernetes to auto",
      ...["kubernetesOn", "kubernetes"],
    );
  }
  const reboot = reader.flag("reboot");
  if (reboot && reader.word("verification") !== "full") {
    reader.problem(
      "reboot is true: what holds after it is compared at verification full alone",
      ...["reboot", "verification"],
    );
  }
  const dataVolumeGiB = reader.number("dataVolumeGiB");
  return {
    image: reader.required("image"),
    flavor: reader.required("flavor"),
    externalNetwork,
    network,
    floatingIp,
    bastion: bastionSettings(reader, seal),
    sshCidrs: reader.cidrs("sshCidrs", allowPublicAccess, "through which everything is done"),
    clientCidrs: reader.cidrs("clientCidrs", allowPublicAccess, "which reads the etcd back"),
    allowPublicAccess,
    dataVolumeGiB: dataVolumeGiB === 0 ? undefined : dataVolumeGiB,
    kubernetesOn,
    reboot,
    etcdInstall: reader.word("etcdInstall"),
    etcdMirror: reader.text("etcdMirror"),
  };
}

function bastionSettings<Secret>(
  reader: Reader,
  seal: (text: string) => Secret,
): BastionSettings<Secret> | undefined {
  const given = reader.object("bastion");
  if (typeof given === "object" && given !== null && Object.keys(given).length === 0) {
    return undefined;
  }
  const parsed = Bastion.safeParse(given);
  if (parsed.success) return { ...parsed.data, privateKey: seal(parsed.data.privateKey) };
  // Without what was given: it may be the key.
  for (const { path: at, message } of parsed.error.issues) {
    const name = ["bastion", ...at].join(".");
    reader.problem(`${name}: ${message}`, name);
  }
  return undefined;
}
