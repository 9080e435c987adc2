/** Versions of etcd and of Kubernetes, as people ask for them (`3.6` or `3.6.16`) and as the programs say them. */

/** A minor version, any patch of which will do, or one exact version. */
export interface WantedVersion {
  /** `3.6` */
  readonly minor: string;
  /** `3.6.16`; absent when any patch of the minor will do. */
  readonly exact?: string;
}

/** What a version is of, and how it looks, for messages. */
const ETCD = { of: "an etcd", minor: "3.6", exact: "3.6.16" };
export const KUBERNETES: typeof ETCD = { of: "a Kubernetes", minor: "1.35", exact: "1.35.4" };

/** Reads `3.6` or `3.6.16`, with or without a leading `v`; throws on anything else. */
export function parseWanted(wanted: string, example = ETCD): WantedVersion {
  const match = /^v?(\d+\.\d+)(\.\d+)?$/.exec(wanted);
  if (match?.[1] === undefined) {
    throw new Error(
      `"${wanted}" is not ${example.of} version: give a minor version (${example.minor}) or an exact one (${example.exact})`,
    );
  }
  const minor = match[1];
  return match[2] === undefined ? { minor } : { minor, exact: `${minor}${match[2]}` };
}

/** Whether a program of this version is what was asked for. A pre-release is never, unless etcd itself calls it by the exact name. */
export function fits(version: string, wanted: WantedVersion): boolean {
  if (wanted.exact !== undefined) return version === wanted.exact;
  return /^\d+\.\d+\.\d+$/.test(version) && version.startsWith(`${wanted.minor}.`);
}

/** Whether etcd comes with an etcdutl, as it does from 3.5 on; before, etcdctl did what that does. */
export function hasEtcdutl(version: string): boolean {
  return !/^3\.[0-4](\.|$)/.test(version);
}

/** For `sort`: 3.6.16 before 3.6.9. Versions must be plain numbers. */
export function newestFirst(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  const at = left.findIndex((part, index) => part !== right[index]);
  return at < 0 ? 0 : (right[at] ?? 0) - (left[at] ?? 0);
}

/** `3.6.x` or `3.6.16`, for messages. */
export function describe(wanted: WantedVersion): string {
  return wanted.exact ?? `${wanted.minor}.x`;
}

/** The platform in etcd's own words, as in its release files: `linux-amd64`. */
export function platform(): string {
  return `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
}
