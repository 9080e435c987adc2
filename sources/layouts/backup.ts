/** A backup as its writer laid it down in a store. */
import type { StoredObject } from "../store";

/** Who writes backups like this; `plain` is everybody else. */
export type LayoutName =
  "gardener" | "kops" | "k3s" | "openshift" | "hypershift" | "talos" | "etcd-restore" | "plain";

export interface Backup {
  /** Of the object that holds the database. */
  readonly path: string;
  readonly layout: LayoutName;
  readonly bytes: number;
  readonly object: StoredObject;
  /** Our manifest beside it. */
  readonly manifest?: StoredObject | undefined;
  /** When it was taken, by its name; else when it was written. Absent where the store tells neither. */
  readonly takenAt?: Date | undefined;
  readonly timeFrom?: "name" | "modified" | undefined;
  /** The cluster as the path names it. */
  readonly cluster?: string | undefined;
  /** Why it is not complete. */
  readonly problem?: string | undefined;
  /** What to know about it, whole sentences without a full stop. */
  readonly notes: readonly string[];
}

/** What a layout knows of one of its backups. */
export interface Found extends Omit<Backup, "path" | "bytes" | "timeFrom" | "notes" | "takenAt"> {
  /** By its name. */
  readonly named?: Date | undefined;
  readonly notes?: readonly string[] | undefined;
}

/** A layout: takes those objects that are its backups, or belong to them. */
export interface Layout {
  /** @param objects sorted by path; those that are taken are told by `claim` */
  find(objects: readonly StoredObject[], claim: (path: string) => void): readonly Found[];
}

/** The part of a path before its last slash, "" at the top; and what follows. */
export function split(path: string): readonly [folder: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)];
}

/** A path of two parts, the first of which may be empty. */
export function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Why a single object is not complete, whoever wrote it; undefined when nothing speaks against it. */
export function problemOf({ bytes, unreadable }: StoredObject): string | undefined {
  return unreadable ?? (bytes === 0 ? "it is empty (0 bytes)" : undefined);
}
