/** Where in the file a problem lies. */
export interface Place {
  readonly page?: number;
  /** Byte offset from the start of the file. */
  readonly offset?: number;
}

/** A file that is no whole etcd snapshot. The message is meant for the user: file, page, offset, what was found and expected. */
export class SnapshotError extends Error {
  readonly file: string;
  readonly page?: number;
  readonly offset?: number;

  constructor(file: string, problem: string, place: Place = {}) {
    super(`${file}: ${describePlace(place)}${problem}`);
    this.name = "SnapshotError";
    this.file = file;
    if (place.page !== undefined) this.page = place.page;
    if (place.offset !== undefined) this.offset = place.offset;
  }
}

function describePlace({ page, offset }: Place): string {
  const parts = [];
  if (page !== undefined) parts.push(`page ${page}`);
  if (offset !== undefined) parts.push(`byte ${offset}`);
  return parts.length === 0 ? "" : `${parts.join(", ")}: `;
}
