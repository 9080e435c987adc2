import { size } from "../wire/figures";

/** What a database was in. */
export interface Container {
  /** `gzip`, `tar in gzip`, `zip`, `data directory`, `gzip in a directory`, … */
  readonly format: string;
  /** Path of the database inside, where there are paths. */
  readonly entry?: string;
  /** Of the compressed file or archive: bytes, and SHA-256 in hex. */
  readonly bytes?: number;
  readonly sha256?: string;
}

/** `gzip of 116 KiB`, `tar in gzip of 116 KiB: etcd/snapshot.db`, `data directory: member/snap/db`. */
export function describeContainer({ format, bytes, entry }: Container): string {
  const of = bytes === undefined ? "" : ` of ${size(bytes)}`;
  return `${format}${of}${entry === undefined ? "" : `: ${entry}`}`;
}
