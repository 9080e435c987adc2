/** The verdicts on a v2 store, each from what the backup holds and what the server answered. Nothing here asks anybody. */
import type { Manifest } from "../../backup/manifest";
import { v2ManifestProblems } from "../../backup/v2/manifest";
import type { RestorableV2 } from "../../backup/v2/restorable";
import type { Check } from "../../report/report";
import { compareVersions } from "../../snapshot/judgement";
import { counted, grouped } from "../../wire/figures";
import type { V2Comparison } from "./compare";

/** Log and snapshot were read to their end before anything was asked: what is damaged never comes here. */
export function v2FilesCheck({ store }: RestorableV2): Check {
  const of = counted(store.logEntries, "entry").replace("entrys", "entries");
  return {
    ...{ id: "v2-files", title: "Log and snapshot are whole", source: "file", verdict: "pass" },
    expected: "every checksum",
    found: `${store.snapshotIndex === 0 ? "no snapshot" : "a snapshot"}, ${of}`,
  };
}

/** The manifest is as it was written, and says what the files hold. None where there is nothing to say. */
export async function v2ManifestChecks(
  backup: RestorableV2,
  manifest: Manifest | undefined,
  trustedKey: string | undefined,
): Promise<readonly Check[]> {
  const check = { id: "manifest", title: "The manifest is as it was written", source: "manifest" };
  const expected = trustedKey === undefined ? "what the files hold" : `signed by ${trustedKey}`;
  if (manifest === undefined) {
    if (trustedKey === undefined) return [];
    return [{ ...check, verdict: "fail", expected, found: "no manifest beside the backup" }];
  }
  const problems = await v2ManifestProblems(manifest, backup, trustedKey);
  if (problems.length > 0) {
    const found = problems.map(({ field }) => field).join(", ");
    const reason = problems.map(({ field, problem }) => `${field} ${problem}`).join("; ");
    return [{ ...check, verdict: "fail", expected, found, reason }];
  }
  const found = manifest.seal === undefined ? "the same" : `signed by ${manifest.seal.keySha256}`;
  return [{ ...check, verdict: "pass", expected, found }];
}

/** Every key and folder came back: value, indexes, the moment when it runs out. */
export function v2ReadBackCheck({ store }: RestorableV2, comparison: V2Comparison): Check {
  const { differences, sameKeys, sameFolders, gone, since } = comparison;
  const failed = differences.total > 0;
  const reasons = [
    ...(gone > 0
      ? [
          `${grouped(gone)} had run out by the server's clock: their time to live had passed, or that of a folder above`,
        ]
      : []),
    ...(since > 0
      ? [`${grouped(since)} were written after the backup, and nothing tells what they were`]
      : []),
  ];
  return {
    ...{ id: "v2-read-back", title: "Every v2 key read back", source: "file" },
    verdict: failed ? "fail" : reasons.length > 0 ? "explained" : "pass",
    expected: `${counted(store.keys.length, "key")} in ${counted(store.folders, "folder")}`,
    found: `${grouped(sameKeys)} and ${grouped(sameFolders)} the same${failed ? `, ${grouped(differences.total)} differ` : ""}`,
    ...(reasons.length > 0 && { reason: reasons.join("; ") }),
  };
}

/** A listing has no hidden key, so each was asked for by its name; one that the backup does not have cannot be found so. */
export function v2HiddenChecks(
  { store }: RestorableV2,
  { sameHidden, goneHidden, since }: V2Comparison,
): readonly Check[] {
  const hidden = store.nodes.filter(({ isHidden }) => isHidden).length;
  if (hidden === 0) return [];
  const verdict =
    sameHidden === hidden
      ? "pass"
      : sameHidden + goneHidden + since >= hidden
        ? "explained"
        : "fail";
  return [
    {
      ...{ id: "v2-hidden", title: "Hidden v2 keys, each by its name", source: "file", verdict },
      ...{ expected: grouped(hidden), found: grouped(sameHidden) },
      ...(verdict === "explained" && {
        reason: "the others had run out by the server's clock, or were written since",
      }),
    },
  ];
}

/** What runs out does so when it did at the source: the moment is kept, not the time to live. */
export function v2TtlChecks({ store }: RestorableV2, comparison: V2Comparison): readonly Check[] {
  const timed = store.nodes.filter(({ expires }) => expires !== undefined).length;
  if (timed === 0) return [];
  const { rightTtls, wrongTtls } = comparison;
  const verdict = wrongTtls > 0 ? "fail" : rightTtls === timed ? "pass" : "explained";
  return [
    {
      ...{ id: "v2-ttl", title: "Times to live by the server's clock", source: "file", verdict },
      ...{ expected: grouped(timed), found: grouped(rightTtls) },
      ...(verdict === "explained" && { reason: "the others are gone, or differ as told above" }),
    },
  ];
}

/** Listed as the backup has them; and a new in-order key will come after those that are there. */
export function v2OrderCheck({ store }: RestorableV2, { isOrdered, index }: V2Comparison): Check {
  const inOrder = store.nodes.flatMap(({ name }) => /\/(\d{20})$/.exec(name)?.[1] ?? []);
  const newest = inOrder.reduce((most, digits) => (digits > most ? digits : most), "");
  const comesAfter = newest === "" || index >= Number(newest);
  return {
    ...{ id: "v2-order", title: "Order of v2 keys", source: "file" },
    verdict: isOrdered && comesAfter ? "pass" : "fail",
    expected:
      inOrder.length === 0 ? "as listed by etcd" : `${grouped(inOrder.length)} in-order keys`,
    found: !isOrdered
      ? "another order"
      : comesAfter
        ? "the same"
        : "a new one would come before them",
  };
}

/** The store's count of changes goes on from the backup's: a restore adds some, for the new member. */
export function v2IndexCheck({ store }: RestorableV2, { index }: V2Comparison): Check {
  return {
    ...{ id: "v2-index", title: "Index of the v2 store", source: "file" },
    verdict: index >= store.index ? "pass" : "fail",
    ...{ expected: `${store.index} or later`, found: String(index) },
  };
}

/** It runs on the version that was wished for, and on one that has such a store. */
export function v2VersionCheck(
  { etcdVersion }: RestorableV2,
  found: string,
  wished?: string,
): Check {
  const check = { id: "etcd-version", title: "Version of etcd", source: "file", found };
  const minor = (version: string) => version.split(".").slice(0, 2).join(".");
  if (wished !== undefined && found !== wished && !found.startsWith(`${wished}.`)) {
    const reason = `asked for ${wished}, found ${found}: what serves is not what was wished for`;
    return { ...check, source: "setting", verdict: "fail", expected: wished, reason };
  }
  if (minor(found) === minor(etcdVersion)) {
    return { ...check, verdict: "pass", expected: minor(etcdVersion) };
  }
  const isOlder =
    etcdVersion !== "unknown" && compareVersions(minor(found), minor(etcdVersion)) < 0;
  const reason = isOlder
    ? "an older etcd than the one that wrote the backup: it serves the data, as the other checks show"
    : "another minor version than the one that wrote the backup: it serves the data, as the other checks show";
  return { ...check, verdict: "explained", expected: minor(etcdVersion), reason };
}

/** The v3 keys beside them: those that only the log holds cannot be told from here. */
export function v3BesideChecks(
  { v3, laterV3Writes }: RestorableV2,
  served: number | string,
): readonly Check[] {
  const keys = { id: "v3-keys", title: "v3 keys beside the v2 store", source: "file" };
  if (v3 === undefined) {
    return [
      typeof served === "string"
        ? { ...keys, verdict: "not-checked", expected: "none", reason: served }
        : {
            ...keys,
            verdict: served === 0 ? "pass" : "fail",
            expected: "none",
            found: served === 0 ? "none" : grouped(served),
          },
    ];
  }
  if (laterV3Writes === 0) return [];
  return [
    {
      ...{ id: "v3-log", title: "v3 writes that only the log holds", source: "file" },
      verdict: "not-checked",
      expected: "none",
      found: grouped(laterV3Writes),
      reason:
        "they are newer than the database of the backup, and nothing but etcd tells what comes of them: stop etcd before its " +
        "directory is copied",
    },
  ];
}
