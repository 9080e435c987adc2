/** What restoring a backup will take, and so what machine suffices. Figures from measurements with etcd 3.5 and 3.6. */
/** What of a backup decides it; a snapshot is one. */
interface Measured {
  readonly bytes: number;
  readonly live: { readonly count: number };
}

/** What a restore takes. */
export interface Forecast {
  /** The machine's memory: the server maps the file and keeps an index entry for each key. */
  readonly memoryBytes: number;
  /** Room for the backup and the restored store beside each other. */
  readonly diskBytes: number;
  /** From the backup on the machine's disk to an etcd that serves it, on a disk of `diskBytesPerSecond`. */
  readonly restoreSeconds: number;
  readonly diskBytesPerSecond: number;
  /** The smallest usual flavor that has both. */
  readonly flavor: { readonly memoryGiB: number; readonly diskGiB: number };
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** An ordinary cloud volume. */
const DISK_BYTES_PER_SECOND = 100e6;
/** Copy, then SHA-256 of what was written, then the server's start: each goes over the file once. */
const PASSES = 3;
/** Starting the programs, writing the WAL, and the election of the one member. */
const FIXED_SECONDS = 2;
const SMALLEST_DISK_GIB = 10;
/** The operating system, the tools, and room for its logs. */
const SYSTEM_DISK_GIB = 5;

/** Reckons with a volume of 100 MB/s; time is in proportion to that. */
export function forecast({ bytes, live }: Measured): Forecast {
  const memoryBytes = bytes + 512 * live.count + 512 * MIB;
  const diskBytes = 2 * bytes + 200 * MIB;
  const diskGiB = Math.ceil(diskBytes / GIB) + SYSTEM_DISK_GIB;
  return {
    memoryBytes,
    diskBytes,
    restoreSeconds: (PASSES * bytes) / DISK_BYTES_PER_SECOND + FIXED_SECONDS,
    diskBytesPerSecond: DISK_BYTES_PER_SECOND,
    flavor: {
      memoryGiB: 2 ** Math.max(0, Math.ceil(Math.log2(memoryBytes / GIB))),
      diskGiB: Math.max(SMALLEST_DISK_GIB, Math.ceil(diskGiB / 10) * 10),
    },
  };
}

/** Of a backup of which only the size is known: a live key for so many bytes, fewer than most stores have. */
const BYTES_PER_KEY = 1024;

/** What it takes to work on a backup of so many bytes, of which nothing else is known. */
export function forecastBySize(bytes: number): Forecast {
  return forecast({ bytes, live: { count: Math.ceil(bytes / BYTES_PER_KEY) } });
}
