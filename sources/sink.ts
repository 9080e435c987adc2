/** Memory that bytes come into, piece by piece. */
export interface Sink {
  /** Where the next ones go. Never empty. */
  readonly space: () => Uint8Array;
  /**
   * So many have come there. @returns what to wait for before any more come
   * @throws whatever makes them useless
   */
  readonly took: (bytes: number) => Promise<void> | undefined;
}

/** Brings bytes that lie elsewhere into a sink. */
export async function put(sink: Sink, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    const space = sink.space();
    const part = rest.subarray(0, space.length);
    space.set(part);
    rest = rest.subarray(part.length);
    await sink.took(part.length);
  }
}
