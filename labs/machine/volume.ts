/** A block device as Cinder attaches it: a file of this computer, behind a loop device. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import type { Machine } from "./machine";

const execFile = promisify(execFileCallback);

/** How the folders of all volumes begin. */
export const VOLUME_PREFIX = "etcd-restore-volume-";
const GIB = 2 ** 30;

export interface MachineVolume {
  /** Shows it to a machine, by the serial number that Nova gives it. */
  attach(machine: Machine): Promise<void>;
  /** Ends the device and removes the file; a machine that it is attached to must be down. */
  remove(): Promise<void>;
}

/** An empty volume; takes no room for what was never written. */
export async function makeVolume(id: string, sizeGiB: number): Promise<MachineVolume> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), VOLUME_PREFIX));
  const file = path.join(directory, "volume");
  fs.writeFileSync(file, "");
  fs.truncateSync(file, sizeGiB * GIB);
  const { stdout } = await execFile("losetup", ["--find", "--show", "--nooverlap", file]);
  const device = stdout.trim();
  return {
    async attach(machine) {
      const number = device.replace(/^\D+/, "");
      const link = `/dev/disk/by-id/virtio-${id.slice(0, 20)}`;
      await machine.run(
        ...["sh", "-ec"],
        `[ -b ${device} ] || mknod ${device} b 7 ${number}; mkdir -p /dev/disk/by-id; ln -sf ${device} ${link}`,
      );
    },
    async remove() {
      await execFile("losetup", ["--detach", device]).catch(() => undefined); // once only
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}
