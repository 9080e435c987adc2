/**
 * What cloud-init is told: how a fresh VM becomes a machine on which a backup can be restored.
 *
 * Works with cloud-init 22.2 and newer: Ubuntu 22.04, 24.04, Debian 12, 13. The packages are installed by `prepare-vm.sh`,
 * not by cloud-init, which waits 30 seconds for a package lock that a first boot holds for minutes.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { etcdUnit } from "./etcd-unit";
import { MachineError } from "../machine-error";
import type { SshKey } from "../ssh/ssh-keys";

/** Where things are on the VM, for everybody who comes to it over SSH. */
export const VM = {
  /** Logs in by key and may do everything with `sudo`. The image's own user is not made. */
  user: "restore",
  environmentFile: "/etc/default/etcd",
  /** What is to come in its place with the next restore. */
  nextEnvironmentFile: "/var/lib/etcd-restore/next.env",
  /** Programs that came over SSH, and are to come in the place of those there are. */
  nextPrograms: "/usr/local/lib/etcd-restore/next",
  /** Of the user `etcd`; the mount point of the data volume. */
  stateDirectory: "/var/lib/etcd",
  dataDirectory: "/var/lib/etcd/default",
  /** Of root, readable by etcd; empty until the certificates come over SSH. */
  certificateDirectory: "/etc/etcd/certificates",
  /** Of the log-in user: where files that come over SSH lie down. */
  uploadDirectory: "/var/lib/etcd-restore/uploads",
  /** Takes start, stop, status or log as its last word, as `restore.sh` wants it. */
  service: "/usr/local/sbin/etcd-service",
  /** Keeps another environment file, on its stdin, as the next one. */
  writeEnvironment: "/usr/local/sbin/etcd-restore-environment",
  /** Puts the certificates, on its stdin as `certificateText` writes them, in place of those that are there. */
  writeCertificates: "/usr/local/sbin/etcd-restore-certificates",
  /** There once everything is done. */
  readyMarker: "/var/lib/etcd-restore/ready",
} as const;

/** The official tarball for one architecture, checked on the VM. */
export interface ReleaseTarball {
  readonly url: string;
  /** Hex. */
  readonly sha256: string;
}

/** How the etcd programs come to the VM. */
export type EtcdInstall =
  /** The official release, for the VM's architecture. */
  | {
      readonly kind: "release";
      readonly tarballs: Readonly<Partial<Record<"amd64" | "arm64", ReleaseTarball>>>;
    }
  /** The distribution's packages `etcd-server` and `etcd-client`. */
  | { readonly kind: "apt" }
  /** Over SSH, later: the VM needs no internet. */
  | { readonly kind: "upload" };

/** What decides the user data. */
export interface CloudInitSettings {
  readonly hostname: string;
  /** Public key that may log in. */
  readonly loginKey: string;
  /** The machine's own key: the only secret in user data, so that the first connection is to the right machine. */
  readonly hostKey: SshKey;
  readonly install: EtcdInstall;
  /** Content of /etc/default/etcd. */
  readonly environment: string;
  /** Id of the Cinder volume for etcd's data. @default the data lies on the root disk */
  readonly dataVolumeId?: string;
}

/** Nova refuses more, counted in base64 (`user_data`, maxLength 65535 in its API). */
const LARGEST_BASE64 = 65_535;

const PREPARE = "/usr/local/sbin/etcd-restore-prepare";
const GUARD = "/usr/local/sbin/etcd-restore-guard-metadata";

/** Waits on the VM for what this file describes; for `bash -s -- SECONDS MARKER` as root. */
export const WAIT_READY = script("wait-ready.sh");

/** Folder on the VM with `etcd`, `etcdctl` and, but for etcd 3.4, `etcdutl`. */
export function programsDirectory(install: EtcdInstall["kind"]): string {
  switch (install) {
    case "apt":
      return "/usr/bin";
    case "release":
    case "upload":
      return "/usr/local/bin";
  }
}

/**
 * The user data of the VM, `#cloud-config` with JSON, which is YAML without its traps. The same settings give the
 * same text: another text makes another VM.
 *
 * etcd is installed and configured but has neither data nor certificates, and its unit does not start without them.
 * @throws MachineError when a setting cannot stand in user data, or when it is too long for OpenStack.
 */
export function cloudInit(settings: CloudInitSettings): string {
  refuseBadSettings(settings);
  const { hostKey, install } = settings;
  const config = {
    hostname: settings.hostname,
    manage_etc_hosts: true,
    ssh_pwauth: false,
    disable_root: true,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
    groups: ["etcd"],
    users: usersOf(settings),
    // Written before the packages come: theirs must neither ask about the file nor start an etcd of their own.
    write_files: [
      file(VM.environmentFile, "0644", settings.environment),
      file(
        "/etc/systemd/system/etcd.service",
        "0644",
        etcdUnit({ ...VM, programs: programsDirectory(install.kind) }),
      ),
      file("/etc/systemd/system/etcd-restore-guard-metadata.service", "0644", GUARD_UNIT),
      file("/etc/systemd/networkd.conf.d/50-etcd-restore.conf", "0644", KEEP_ROUTING_RULES),
      file(VM.service, "0755", script("vm-service.sh")),
      file(VM.writeEnvironment, "0755", script("write-environment.sh")),
      file(VM.writeCertificates, "0755", script("write-certificates.sh")),
      file(GUARD, "0755", script("guard-metadata.sh")),
      file(PREPARE, "0755", script("prepare-vm.sh")),
    ],
    // One command: of several, only the last one's failure would be seen.
    runcmd: [[PREPARE, ...prepareFlags(settings)]],
  };
  const text = `#cloud-config\n${JSON.stringify(config, null, 1)}\n`;
  const encoded = Math.ceil(Buffer.byteLength(text) / 3) * 4;
  if (encoded > LARGEST_BASE64) {
    throw new MachineError(
      "usage",
      `the user data of the VM would be ${encoded} bytes in base64; OpenStack takes ${LARGEST_BASE64}`,
    );
  }
  return text;
}

/** Who logs in, and whom etcd runs as. */
function usersOf({ loginKey }: CloudInitSettings) {
  return [
    {
      name: VM.user,
      gecos: "etcd-restore",
      shell: "/bin/bash",
      lock_passwd: true,
      sudo: "ALL=(ALL) NOPASSWD:ALL",
      ssh_authorized_keys: [loginKey],
    },
    {
      name: "etcd",
      gecos: "etcd",
      system: true,
      primary_group: "etcd",
      homedir: VM.stateDirectory,
      no_create_home: true,
      shell: "/usr/sbin/nologin",
      lock_passwd: true,
    },
  ];
}

const GUARD_UNIT = `# Written by etcd-restore.
[Unit]
Description=Nobody but root reaches the cloud's metadata service
# networkd, when it starts, may take away rules that it did not make.
After=systemd-networkd.service
Before=etcd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${GUARD}

[Install]
WantedBy=multi-user.target
`;

const KEEP_ROUTING_RULES = `# Written by etcd-restore, whose rule guards the metadata service.
[Network]
ManageForeignRoutingPolicyRules=no
`;

function prepareFlags({ install, dataVolumeId }: CloudInitSettings): readonly string[] {
  return [
    ...["--state", VM.stateDirectory, "--certificates", VM.certificateDirectory],
    ...["--uploads", VM.uploadDirectory, "--login-user", VM.user],
    ...["--programs", programsDirectory(install.kind), "--marker", VM.readyMarker],
    ...(dataVolumeId === undefined ? [] : ["--volume", dataVolumeId]),
    ...(install.kind === "release"
      ? Object.entries(install.tarballs).flatMap(([architecture, { url, sha256 }]) => [
          ...["--release", architecture, url, sha256],
        ])
      : []),
    ...(install.kind === "apt" ? ["--packages", "etcd-server etcd-client"] : []),
  ];
}

function file(name: string, permissions: string, content: string) {
  return { path: name, permissions, owner: "root:root", content };
}

/** A script that lies beside this file, so that shellcheck and people can read it as one. */
function script(name: string): string {
  return fs.readFileSync(path.join(__dirname, name), "utf8");
}

function refuseBadSettings(settings: CloudInitSettings): void {
  const problems: string[] = [];
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(settings.hostname)) {
    problems.push(
      `hostname is "${settings.hostname}"; up to 63 small letters, digits and '-' are allowed`,
    );
  }
  if (settings.environment.includes("PRIVATE KEY")) {
    problems.push("the environment file holds a private key; keys go over SSH");
  }
  if (settings.install.kind === "release") {
    const tarballs = Object.entries(settings.install.tarballs);
    if (tarballs.length === 0) problems.push("no release tarball is named");
    for (const [architecture, { url, sha256 }] of tarballs) {
      if (!/^https?:\/\/\S+$/.test(url)) {
        problems.push(
          `the release for ${architecture} is "${url}"; an http or https URL is needed`,
        );
      }
      if (!/^[0-9a-f]{64}$/.test(sha256)) {
        problems.push(
          `the sha256 for ${architecture} is "${sha256}"; 64 hexadecimal digits are needed`,
        );
      }
    }
  }
  if (problems.length > 0)
    throw new MachineError("usage", `cannot set up a VM: ${problems.join("; ")}`);
}
