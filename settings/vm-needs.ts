/** How large a VM must be for a backup. */
import { forecast } from "../etcd/inspect/forecast";

/** What the flavor of a VM must have. */
export interface VmNeeds {
  readonly ramMiB: number;
  /** On the root disk. */
  readonly diskGiB: number;
  /** Of etcd's data, on the root disk or on a volume. */
  readonly dataGiB: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Debian's and Ubuntu's cloud images take 1 to 2. */
const SYSTEM_GIB = 2;

/**
 * What a backup of so many bytes and keys needs; its data may lie on a volume of its own.
 * @param members of its cluster: among others, its store is tried alone on a copy
 */
export function vmNeeds(
  backup: { readonly bytes: number; readonly keys: number },
  onVolume: boolean,
  members = 1,
): VmNeeds {
  const one = forecast({ ...backup, live: { count: backup.keys } });
  const diskBytes = one.diskBytes + (members > 1 ? backup.bytes : 0);
  return {
    ramMiB: Math.ceil(one.memoryBytes / MIB),
    // The upload lies there as long as it is being restored.
    diskGiB: Math.ceil((backup.bytes + (onVolume ? 0 : diskBytes)) / GIB) + SYSTEM_GIB,
    dataGiB: Math.ceil(diskBytes / GIB),
  };
}
