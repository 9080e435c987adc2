/** The members of a cluster on this computer: their names, folders and ports follow from those of the first. */
import * as path from "node:path";
import type { PeerMember } from "../environment";

/** How far the ports of a member lie above those of the one before. */
export const PORT_STEP = 10;

export interface LocalMember {
  readonly name: string;
  /** Folder of its own; absolute. */
  readonly directory: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** `etcd`, `etcd-2`, `etcd-3`: names of so many members. */
export function memberNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? "etcd" : `etcd-${i + 1}`));
}

/** @param first what the settings name: folder of the lab, and the ports of the first member */
export function localMembers(
  count: number,
  first: {
    readonly labDirectory: string;
    readonly clientPort: number;
    readonly peerPort: number;
  },
): readonly LocalMember[] {
  return memberNames(count).map((name, i) => ({
    name,
    directory: path.join(first.labDirectory, name),
    clientPort: first.clientPort + i * PORT_STEP,
    peerPort: first.peerPort + i * PORT_STEP,
  }));
}

/** As the others know them, on loopback. */
export function localPeers(members: readonly LocalMember[]): readonly PeerMember[] {
  return members.map(({ name, peerPort }) => ({ name, peerPort, peerAddress: "127.0.0.1" }));
}

/** Why these ports cannot be had: two members want the same, or one has a number that no port has. */
export function portConflict(members: readonly LocalMember[]): string | undefined {
  const ports = members.flatMap(({ clientPort, peerPort }) => [clientPort, peerPort]);
  const twice = ports.find((port, i) => ports.indexOf(port) !== i);
  if (twice !== undefined) return `two of them would listen at port ${twice}`;
  const highest = Math.max(...ports);
  return highest > 65535 ? `one would listen at port ${highest}, and there is none` : undefined;
}
