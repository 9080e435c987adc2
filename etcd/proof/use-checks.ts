/** Whose backup it is, and whether what is encrypted in it can be read: read from the file alone. */
import type { EncryptionFindings } from "../encryption/findings";
import { encryptionNotes, encryptionReasons, notAsked, readersText } from "../encryption/findings";
import type { ClusterFacts } from "../kubernetes/cluster-facts";
import type { Check, EncryptionSummary } from "../report/report";
import { counted, grouped } from "../wire/figures";
import { visible } from "../wire/visible";

/**
 * The backup is of the cluster that was expected.
 * @param expected UID of the namespace kube-system
 */
export function clusterCheck(cluster: ClusterFacts | undefined, expected: string): Check {
  const check = {
    id: "cluster",
    title: "The cluster whose backup it is",
    source: "setting",
    expected,
  };
  if (cluster?.uid === undefined) {
    const reason =
      "the backup has no namespace kube-system that can be read, so it does not say of which cluster it is";
    return { ...check, verdict: "not-checked", reason };
  }
  const found = visible(cluster.uid);
  return cluster.uid === expected
    ? { ...check, verdict: "pass", found }
    : { ...check, verdict: "fail", found, reason: "the backup is of another cluster" };
}

/** Every encrypted value opens with the configuration, and is the object that its key names. */
export function encryptionCheck(findings: EncryptionFindings): Check {
  const { encrypted, opened, impossible } = findings;
  const check = {
    id: "encryption",
    title: "Every encrypted value decrypts to its object",
    source: "setting",
    expected: counted(encrypted, "value"),
    found: `${grouped(opened)}${readersText(findings)}`,
  };
  const open = notAsked(findings);
  const reason = [...encryptionReasons(findings), ...encryptionNotes(findings)].join("; ");
  const told = reason === "" ? {} : { reason };
  if (impossible.length > open) return { ...check, verdict: "fail", ...told };
  if (open > 0) return { ...check, verdict: "not-checked", reason };
  return { ...check, verdict: "pass", ...told };
}

/** Impossible values that the report names one by one. */
const NAMED = 100;

/** What a report keeps of the findings. */
export function encryptionSummary(findings: EncryptionFindings): EncryptionSummary {
  const { encrypted, opened, stale, readers, plain, impossible } = findings;
  return {
    encrypted,
    opened,
    stale,
    keys: readers.map(({ provider, version, keyName, place, values, stale: old }) => ({
      ...{ provider, version, name: keyName, place, values, stale: old },
    })),
    plain: [...plain],
    impossible: {
      total: impossible.length,
      keys: impossible.slice(0, NAMED).map(({ key, failure }) => ({ key, failure })),
    },
  };
}
