/**
 * The environment file: what one etcd member is told, in the form of Debian's /etc/default/etcd.
 *
 * It is the one source of name, URLs, data directory and certificates: systemd reads it (`EnvironmentFile=`),
 * `sh` can, and `restore.sh` and `local-service.sh` take everything they need to know of the member from it.
 */
import { isIPv6 } from "node:net";
import * as path from "node:path";
import { MachineError } from "./machine-error";

/** What a path in it must be, in words. */
export const PLAIN_PATH = "a path without quotes, $, `, \\ and control characters";

/** Whether a path can stand in it: each of the others ends a value there, or means something. */
export function isPlainPath(text: string): boolean {
  return !/["$`\\\u0000-\u001f\u007f]/.test(text);
}

/** What decides one etcd member's environment file. */
export interface MemberSettings {
  /** Name of the member; letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** Absolute path on the machine; `restore.sh` also uses names beside it that begin with it. */
  readonly dataDirectory: string;
  /** Absolute path of the folder on the machine with the files that `CERTIFICATE_FILES` names. */
  readonly certificateDirectory: string;
  /** IP address or DNS name at which clients dial; the server's certificate must name it. */
  readonly clientAddress: string;
  /** IP addresses at which etcd listens for clients, `0.0.0.0` for all; `127.0.0.1` must be among what they cover. */
  readonly listenAddresses: readonly string[];
  readonly clientPort: number;
  readonly peerPort: number;
  /**
   * All members of its cluster, itself among them, in the same order for each.
   * @default it is alone, and as it has no peers, listens for them on 127.0.0.1 only
   */
  readonly members?: readonly PeerMember[] | undefined;
  /** Size of the backup that the member will hold: the quota follows from it. */
  readonly snapshotBytes: number;
  /** Whether it serves etcd's old v2 keys as well, which it has up to 3.5. @default false */
  readonly v2?: boolean | undefined;
}

/** A member as the others know it. */
export interface PeerMember {
  readonly name: string;
  /** IP address at which the others dial. */
  readonly peerAddress: string;
  readonly peerPort: number;
}

/** Names of the files in `certificateDirectory`. Those of root are for `restore.sh`, which proves with them. */
export const CERTIFICATE_FILES = {
  ca: "ca.crt",
  server: "server.crt",
  serverKey: "server.key",
  peer: "peer.crt",
  peerKey: "peer.key",
  root: "root.crt",
  rootKey: "root.key",
} as const;

/** Stands in the token line until `restore.sh` writes the token of its restore there. */
export const NOT_RESTORED_TOKEN = "not-restored";

const LOOPBACK = "127.0.0.1";
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/**
 * The quota for a member that will hold a backup of this size, in bytes.
 *
 * Twice the backup, so that the lab can be written to; never below etcd's default of 2 GiB, nor above the 8 GiB that
 * etcd advises (https://etcd.io/docs/v3.6/dev-guide/limit/), unless the backup itself needs more: then a quarter
 * more than the backup, for a store over its quota refuses every write.
 */
export function quotaBytes(snapshotBytes: number): number {
  const roomy = Math.min(2 * snapshotBytes, 8 * GIB);
  const needed = Math.ceil((1.25 * snapshotBytes) / MIB) * MIB;
  return Math.max(2 * GIB, Math.ceil(roomy / MIB) * MIB, needed);
}

/**
 * The text of the environment file. The same settings give the same text.
 *
 * @throws MachineError that names every setting that cannot stand in such a file.
 */
export function environmentFile(member: MemberSettings): string {
  refuseBadSettings(member);
  const clientUrl = url(member.clientAddress, member.clientPort);
  const members = membersOf(member);
  const peerUrlOf = (peer: PeerMember) => url(peer.peerAddress, peer.peerPort);
  const peerUrl = members.filter(({ name }) => name === member.name).map(peerUrlOf)[0] ?? "";
  const cluster = members.map((peer) => `${peer.name}=${peerUrlOf(peer)}`);
  const listenUrls = member.listenAddresses.map((address) => url(address, member.clientPort));
  const certificate = (file: keyof typeof CERTIFICATE_FILES) =>
    path.posix.join(member.certificateDirectory, CERTIFICATE_FILES[file]);

  return `# Settings of etcd, written by etcd-restore. systemd and sh can read it.
# restore.sh takes name, URLs, data directory and certificates from here and fills in the token.

ETCD_NAME="${member.name}"
ETCD_DATA_DIR="${member.dataDirectory}"
ETCD_INITIAL_CLUSTER_STATE="new"
# A new one with every restore: no member of another cluster can ever take this one for its own.
ETCD_INITIAL_CLUSTER_TOKEN="${NOT_RESTORED_TOKEN}"
ETCD_INITIAL_CLUSTER="${cluster.join(",")}"

# ${members.length === 1 ? "Alone, so nobody needs to reach its peer port." : "The other members dial here, and show a certificate of the same CA."}
ETCD_INITIAL_ADVERTISE_PEER_URLS="${peerUrl}"
ETCD_LISTEN_PEER_URLS="${peerUrl}"
ETCD_ADVERTISE_CLIENT_URLS="${clientUrl}"
ETCD_LISTEN_CLIENT_URLS="${listenUrls.join(",")}"

# Clients and peers must show a certificate of this CA.
ETCD_CERT_FILE="${certificate("server")}"
ETCD_KEY_FILE="${certificate("serverKey")}"
ETCD_CLIENT_CERT_AUTH="true"
ETCD_TRUSTED_CA_FILE="${certificate("ca")}"
ETCD_PEER_CERT_FILE="${certificate("peer")}"
ETCD_PEER_KEY_FILE="${certificate("peerKey")}"
ETCD_PEER_CLIENT_CERT_AUTH="true"
ETCD_PEER_TRUSTED_CA_FILE="${certificate("ca")}"

# The backup has ${Math.ceil(member.snapshotBytes / MIB)} MiB.
ETCD_QUOTA_BACKEND_BYTES="${quotaBytes(member.snapshotBytes)}"
ETCD_SNAPSHOT_COUNT="10000"
${member.v2 === true ? 'ETCD_ENABLE_V2="true"\n' : ""}ETCD_LOGGER="zap"
ETCD_LOG_LEVEL="info"
ETCD_LOG_OUTPUTS="stderr"
`;
}

function membersOf({ name, peerPort, members }: MemberSettings): readonly PeerMember[] {
  return members ?? [{ name, peerAddress: LOOPBACK, peerPort }];
}

function url(address: string, port: number): string {
  return `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

function refuseBadSettings(member: MemberSettings): void {
  const problems: string[] = [];
  const check: Check = (good, what, given, allowed) => {
    if (!good) problems.push(`${what} is ${JSON.stringify(given)}; ${allowed}`);
  };
  checkDirectories(member, check);
  checkNames(member, check);
  for (const what of ["clientPort", "peerPort"] as const) {
    const port = member[what];
    check(Number.isInteger(port) && port > 0 && port < 65536, what, port, "1 to 65535 are allowed");
  }
  const { clientPort, peerPort, snapshotBytes: bytes } = member;
  check(clientPort !== peerPort, "peerPort", peerPort, "it must differ from clientPort");
  const isCount = Number.isSafeInteger(bytes) && bytes >= 0;
  check(isCount, "snapshotBytes", bytes, "a whole number of bytes is needed");
  if (problems.length > 0)
    throw new MachineError("usage", `cannot set up etcd: ${problems.join("; ")}`);
}

/** Notes a setting that is not good. */
type Check = (good: boolean, what: string, given: unknown, allowed: string) => void;

function checkDirectories(member: MemberSettings, check: Check): void {
  for (const what of ["dataDirectory", "certificateDirectory"] as const) {
    // Each of these ends a quoted value, or means something inside one, to sh or to systemd.
    const fits = !/["$`\\\u0000-\u001f\u007f]/.test(member[what]);
    check(fits, what, member[what], "it must not hold a quote, $, `, \\ or a control character");
    check(path.posix.isAbsolute(member[what]), what, member[what], "it must be an absolute path");
  }
  const { dataDirectory } = member;
  const data = path.posix.normalize(dataDirectory);
  const isPlain = data === dataDirectory && !data.endsWith("/");
  const allowed = "it must be a plain path without '..', '//' or a '/' at the end";
  check(isPlain, "dataDirectory", dataDirectory, allowed);
}

function checkNames(member: MemberSettings, check: Check): void {
  const name = /^[A-Za-z0-9][\w.-]*$/;
  const letters = "letters, digits, '.', '_' and '-' are allowed";
  check(name.test(member.name), "name", member.name, letters);
  const members = membersOf(member);
  const names = members.map((peer) => peer.name);
  check(
    names.includes(member.name) && names.every((one) => name.test(one)),
    "members",
    names,
    `names as above are allowed, and ${member.name} must be among them`,
  );
  check(member.listenAddresses.length > 0, "listenAddresses", [], "name at least one");
  const peers = members.map(({ peerAddress }) => peerAddress);
  for (const address of [member.clientAddress, ...member.listenAddresses, ...peers]) {
    const isOne = isIPv6(address) || name.test(address);
    check(isOne, "address", address, "give an IP address or a DNS name");
  }
}
