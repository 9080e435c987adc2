/** How old a backup is, and whether it may be so old. */
import type { Check } from "../../../etcd/report/report";
import { findManifestIn, manifestFileOf } from "../../../etcd/backup/manifest";
import { ageOf } from "../../../etcd/wire/figures";
import { statOf } from "../../../files/plain-file";
import type { Backup } from "../../../sources/listing";

/** When a backup was taken, and who says so. */
export interface Taken {
  readonly at: Date;
  readonly from: "manifest" | "name" | "file time";
}

/** A clock that is ahead of ours by so much is none that we believe. */
const AHEAD_MS = 300_000;

/**
 * By the manifest beside a file, else by what its listing tells.
 * @param listed default: by the time at which the file was last written
 */
export function takenOf(
  file: string,
  listed: Pick<Backup, "takenAt" | "timeFrom"> = {
    takenAt: statOf(file)?.mtime,
    timeFrom: "modified",
  },
  manifestFile = manifestFileOf(file),
): Taken | undefined {
  const found = findManifestIn(manifestFile);
  if (found?.kind === "ours") return { at: new Date(found.manifest.takenAt), from: "manifest" };
  const { takenAt, timeFrom } = listed;
  if (takenAt === undefined) return undefined;
  return { at: takenAt, from: timeFrom === "name" ? "name" : "file time" };
}

/** The check of `--max-age`; a time in the future tells nothing. */
export function ageCheck(maxAgeSeconds: number, taken: Taken | undefined, now: Date): Check {
  const check = {
    id: "age",
    title: "Age of the backup",
    expected: `at most ${ageOf(maxAgeSeconds)}`,
    source: "setting",
  };
  if (taken === undefined) {
    return { ...check, verdict: "not-checked", reason: "nothing tells when the backup was taken" };
  }
  const age = (now.getTime() - taken.at.getTime()) / 1000;
  const found = `${ageOf(Math.max(age, 0))} (${taken.at.toISOString()}, by its ${taken.from})`;
  if (age * -1000 > AHEAD_MS) {
    return { ...check, verdict: "not-checked", found, reason: "it is said to be of the future" };
  }
  return { ...check, verdict: age <= maxAgeSeconds ? "pass" : "fail", found };
}
