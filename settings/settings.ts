/**
 * Every setting of a stack, said once: its type, what it is where it is not given, what is allowed, and what it means.
 * What reads a stack (read.ts), the names that are known (names.ts) and the table in docs/settings.md are made from this.
 * Pulumi itself knows no file but Pulumi.yaml: a test compares its `config` with this list.
 */

interface Described {
  /** One phrase for a table, in Markdown. */
  readonly means: string;
  /** Nobody may see it, or a part of it. */
  readonly isSecret?: boolean;
}

/** An empty text is no setting. */
interface TextSetting extends Described {
  readonly type: "string";
  /** Absent where it must be given. */
  readonly default?: string;
  /** What to say of one that must be given, on the targets that know it. */
  readonly required?: string;
  /** The words that are allowed, where it is one of a few. */
  readonly oneOf?: readonly string[];
  readonly form?: RegExp;
  /** What `form` takes, in words. */
  readonly wanted?: string;
  /** It may name a file or a folder, as of the file of settings that it stands in. */
  readonly isPath?: boolean;
}

/** A whole number from 0 up. */
interface NumberSetting extends Described {
  readonly type: "integer";
  readonly default: number;
  readonly oneOf?: readonly string[];
  readonly most?: number;
  readonly wanted?: string;
}

interface FlagSetting extends Described {
  readonly type: "boolean";
  readonly default: boolean;
}

interface ListSetting extends Described {
  readonly type: "list";
  readonly default: readonly string[];
}

/** Pulumi's schema has no type for it: Pulumi.yaml does not declare it. */
interface ObjectSetting extends Described {
  readonly type: "object";
  readonly default: object;
}

export type Setting = TextSetting | NumberSetting | FlagSetting | ListSetting | ObjectSetting;

const PORT = "a port number, 1 to 65535 (or 0 for the default)";

export const SETTINGS = {
  target: {
    type: "string",
    default: "openstack",
    oneOf: ["openstack", "local"],
    means: "Where the etcd is made, `openstack` (a VM) or `local` (a process on this computer)",
  },
  snapshot: {
    type: "string",
    required: "the path of the backup, or where it lies (pulumi config set snapshot FILE)",
    isPath: true,
    means:
      "Path of the backup, relative to this folder, in any form that `inspect` reads; or `https://…`, `s3://BUCKET/PREFIX`, `swift://CONTAINER/PREFIX`, of which the newest complete one is taken",
  },
  verification: {
    type: "string",
    default: "full",
    oneOf: ["quick", "standard", "full"],
    means:
      "What is compared. `quick`, HashKV and counts; `standard`, also each key's revisions and lease; `full`, also every value",
  },
  expectedKeys: {
    type: "list",
    default: [],
    means:
      "Keys that must be there; one that ends in `/` is a prefix under which at least one key must be",
  },
  etcdVersion: {
    type: "string",
    default: "auto",
    form: /^(auto|\d+\.\d+(\.\d+)?)$/,
    wanted: "auto, or a version such as 3.6 or 3.6.16",
    means:
      "Version of the etcd that serves the backup, `auto` (the minor version that wrote it), X.Y or X.Y.Z",
  },
  etcdPrograms: {
    type: "string",
    default: "",
    isPath: true,
    means:
      "Folder with `etcd`, `etcdctl` and `etcdutl` to use (or to upload); empty, they are found or fetched",
  },
  trustedKey: {
    type: "string",
    default: "",
    isPath: true,
    means:
      "File with the public key (ed25519, PEM) that must have signed the backup's manifest; empty, a manifest may be unsigned",
  },
  kubernetes: {
    type: "string",
    default: "off",
    form: /^(off|auto|next|v?1\.\d+(\.\d+)?)$/,
    wanted: "off, auto, next, or a version such as 1.35 or 1.35.4",
    means:
      "Which kube-apiserver must come up on a clone of the backup and list what the file holds: `off`, `auto` (the minor that the backup tells), `next` (the one after), or a version such as 1.35. At the verification `full` the clone is also restarted, written to and compacted",
  },
  kubernetesOn: {
    type: "string",
    default: "here",
    oneOf: ["here", "machine"],
    means:
      "On OpenStack, where the clone for that kube-apiserver is made, `here` (this computer) or `machine` (the VM, with programs that are copied over)",
  },
  expectedCluster: {
    type: "string",
    default: "",
    means:
      "UID of the namespace kube-system of the cluster that the backup must be of; empty, it may be of any",
  },
  encryptionConfig: {
    type: "string",
    default: "",
    isSecret: true,
    means:
      "The API server's EncryptionConfiguration, its text; every encrypted value must decrypt to the object that its key names (set it with `--secret`)",
  },
  etcdInstall: {
    type: "string",
    default: "release",
    oneOf: ["release", "apt", "upload"],
    means:
      "How the programs come to the VM. `release`, the official tarball with its sha256 pinned; `apt`, the distribution's packages; `upload`, copied from this computer",
  },
  etcdMirror: {
    type: "string",
    default: "",
    form: /^https?:\/\/\S+$/,
    wanted: "an http or https URL",
    means: "URL that has the official releases, for a VM that does not reach GitHub",
  },
  image: {
    type: "string",
    default: "",
    required: "the name or id of Ubuntu 22.04, 24.04 or Debian 12 (`openstack image list`)",
    means: "Name or id of an Ubuntu 22.04, 24.04 or Debian 12 image; required for openstack",
  },
  flavor: {
    type: "string",
    default: "",
    required: "the VM's size, a name or an id (`openstack flavor list`)",
    means: "Name or id of the VM's flavor; required for openstack",
  },
  externalNetwork: {
    type: "string",
    default: "",
    means:
      "Name or id of the network that the router leads to and the floating IP comes from; required for openstack, but for an existing `network` without a floating IP",
  },
  network: {
    type: "string",
    default: "",
    means: "Name or id of an existing network for the VM; empty, one is made",
  },
  floatingIp: {
    type: "boolean",
    default: true,
    means:
      "Whether the VM gets a floating IP; without one this computer reaches it by its own address",
  },
  bastion: {
    type: "object",
    default: {},
    isSecret: true,
    means:
      "Machine that leads to the VM by SSH: host, user, port (22 unless given), privateKey and hostKey; empty, this computer reaches the VM itself",
  },
  sshCidrs: {
    type: "list",
    default: [],
    means:
      "Networks that may reach SSH (22), this computer's (or the bastion's) among them; required for openstack",
  },
  clientCidrs: {
    type: "list",
    default: [],
    means:
      "Networks that may reach etcd's client port; the proof goes through SSH where this computer's is not among them; required for openstack",
  },
  allowPublicAccess: {
    type: "boolean",
    default: false,
    means: "Whether a CIDR may stand for the internet, like `0.0.0.0/0`",
  },
  dataVolumeGiB: {
    type: "integer",
    default: 0,
    most: 65_536,
    wanted: "a size in GiB (0: none)",
    means:
      "Size of a Cinder volume for etcd's data, which outlives a rebuilt VM; 0, the data lies on the root disk",
  },
  members: {
    type: "integer",
    default: 1, // An even number has no more members that may be lost than the odd one below it.
    oneOf: ["1", "3", "5"],
    means:
      "How many members the restored cluster has, 1, 3 or 5; each is restored from the same backup and proved by itself",
  },
  reboot: {
    type: "boolean",
    default: false,
    means:
      "Whether each VM is rebooted once after its proof at the level full; its etcd must come up by itself and hold what it held",
  },
  clientPort: {
    type: "integer",
    default: 0,
    most: 65_535,
    wanted: PORT,
    means:
      "Port for clients; 0 means 2379, on the local target 22379, where each further member's is 10 higher",
  },
  peerPort: {
    type: "integer",
    default: 0,
    most: 65_535,
    wanted: PORT,
    means:
      "Port for peers; 0 means 2380, on the local target 22380, where each further member's is 10 higher",
  },
  labDirectory: {
    type: "string",
    default: ".lab",
    means:
      "Folder on this computer for client certificates, SSH key and report, and on the local target for etcd and its data",
  },
  bumpRevision: {
    type: "string",
    default: "",
    form: /^(auto|[1-9]\d{0,14})$/,
    wanted: "auto, or a whole number above 0",
    means:
      "By how much the revision is bumped, in a second restore once the backup is proved, with everything before marked as compacted; `auto` is 1000000000; empty, it is not",
  },
  etcdUsername: {
    type: "string",
    default: "",
    means:
      "User that verifies a backup with authentication on; it must have the role root. Empty, a client certificate of our CA named root does it",
  },
  etcdPassword: {
    type: "string",
    default: "",
    isSecret: true,
    means: "That user's password (set it with `--secret`)",
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof SETTINGS;

/** Names of the settings of one type. */
export type NameOf<T extends Setting["type"]> = {
  [N in SettingName]: (typeof SETTINGS)[N] extends { readonly type: T } ? N : never;
}[SettingName];

/** Names of the settings that are one of a few words. */
export type NameOfWord = {
  [N in SettingName]: (typeof SETTINGS)[N] extends { readonly oneOf: readonly string[] }
    ? N
    : never;
}[SettingName];

/** The words that such a setting may be. */
export type WordOf<N extends NameOfWord> = (typeof SETTINGS)[N]["oneOf"][number];
