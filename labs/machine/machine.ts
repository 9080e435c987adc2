/** Machines on this computer that boot like a server of a cloud: systemd, cloud-init, sshd. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

const execFile = promisify(execFileCallback);
const SCRIPT = path.join(__dirname, "machine.sh");
const COMMAND_LIMIT_MS = 60_000;

/** What a server of OpenStack finds on its config drive, and the wire that it hangs on. */
export interface MachineSettings {
  /** Up to 6 letters and digits. */
  readonly name: string;
  /** Folder with the root that it boots; only read. */
  readonly root: string;
  readonly uuid: string;
  readonly hostname: string;
  readonly publicKey: string;
  readonly userData: string;
  readonly mac: string;
  /** Address that it gives to its network card. */
  readonly address: string;
  readonly netmask: string;
  readonly gateway: string;
  /** The pair of addresses at which this computer and the machine reach each other. */
  readonly wire: Wire;
  /** What the wire leads to, in up to 10 letters and digits: machines at the same one reach each other. */
  readonly bridge: string;
}

/** Both ends of a /30. */
export interface Wire {
  readonly host: string;
  readonly guest: string;
}

/** A machine that was booted. */
export interface Machine {
  /** Runs a command in it as root, without SSH; gives back what it printed. */
  run(...argv: readonly [string, ...string[]]): Promise<string>;
  /** What its init printed. */
  console(): Promise<string>;
  /** Ends it at once; nothing of it is left. Safe to call twice. */
  down(): Promise<void>;
}

/** Boots a machine; resolves when its init is about to start, seconds before it answers. */
export async function bootMachine(settings: MachineSettings): Promise<Machine> {
  const { name, root, wire, address, gateway, mac, bridge } = settings;
  const seed = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-seed-"));
  try {
    writeConfigDrive(path.join(seed, "config_drive", "openstack", "latest"), settings);
    await script("up", name, root, seed, wire.host, wire.guest, address, gateway, mac, bridge);
  } finally {
    fs.rmSync(seed, { recursive: true, force: true });
  }
  return {
    run: (...argv) => script("in", name, ...argv),
    console: () => script("console", name),
    down: async () => {
      await script("down", name);
    },
  };
}

/** Ends every machine that an earlier run has left. */
export async function sweepMachines(): Promise<void> {
  await script("sweep");
}

/** The files of a config drive, as nova writes them. */
function writeConfigDrive(directory: string, settings: MachineSettings): void {
  const { uuid, hostname, publicKey, userData, mac, address, netmask, gateway } = settings;
  const metaData = {
    uuid,
    hostname: `${hostname}.novalocal`,
    name: hostname,
    launch_index: 0,
    availability_zone: "nova",
    public_keys: { key: publicKey },
  };
  const networkData = {
    links: [{ id: "tap0", vif_id: "vif0", type: "ovs", mtu: 1500, ethernet_mac_address: mac }],
    networks: [
      {
        id: "network0",
        type: "ipv4",
        link: "tap0",
        ip_address: address,
        netmask,
        network_id: "network",
        routes: [{ network: "0.0.0.0", netmask: "0.0.0.0", gateway }],
      },
    ],
    services: [],
  };
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, "meta_data.json"), JSON.stringify(metaData));
  fs.writeFileSync(path.join(directory, "network_data.json"), JSON.stringify(networkData));
  fs.writeFileSync(path.join(directory, "user_data"), userData, { mode: 0o600 });
}

async function script(...args: readonly string[]): Promise<string> {
  try {
    return (await execFile(SCRIPT, args, { timeout: COMMAND_LIMIT_MS })).stdout;
  } catch (error) {
    const said =
      error instanceof Error && "stderr" in error && typeof error.stderr === "string"
        ? error.stderr.trim()
        : "";
    throw new Error(`machine.sh ${args.slice(0, 2).join(" ")}: ${said || String(error)}`, {
      cause: error,
    });
  }
}
