/** The manifest of a backup of a v2 store: what it says of the store, and what speaks against it. */
import type { Manifest, ManifestContent } from "../manifest";
import { signatureProblem, type ManifestProblem } from "../manifest-problems";
import { digestOf, type RestorableV2 } from "./restorable";

type V2Content = NonNullable<ManifestContent["v2"]>;

/** What a manifest says of a v2 store. */
export function v2Content({ store, v3 }: Pick<RestorableV2, "store" | "v3">): V2Content {
  const { keys, folders, nodes, index } = store;
  return {
    ...{ keys: keys.length, folders, index, v3Keys: v3?.live.count ?? 0 },
    hidden: nodes.filter(({ isHidden }) => isHidden).length,
    withTtl: nodes.filter(({ expires }) => expires !== undefined).length,
  };
}

/** All that is wrong with a manifest, field by field; empty when nothing is. */
export async function v2ManifestProblems(
  manifest: Manifest,
  found: RestorableV2,
  trustedKey?: string,
): Promise<readonly ManifestProblem[]> {
  const { sha256, bytes } = await digestOf(found);
  const own = v2Content(found);
  const told = manifest.v2;
  const fields = Object.keys(own) as (keyof typeof own)[];
  const differing = [
    ["sha256", manifest.sha256.toLowerCase(), sha256],
    ["bytes", manifest.bytes, bytes],
    ...fields.map((field) => [`v2.${field}`, told?.[field], own[field]] as const),
    ["source.revision", manifest.source.revision, found.v3?.revision ?? 0],
  ] as const;
  const signature = signatureProblem(manifest, trustedKey);
  return [
    ...differing
      .filter(([, says, is]) => says !== is)
      .map(([field, says, is]) => ({
        field,
        problem: `is ${String(says)} in the manifest, and ${String(is)} in the backup`,
      })),
    ...(signature === undefined ? [] : [{ field: "signature", problem: signature }]),
  ];
}

/** The same as reasons against a restore; of no manifest one, where a signature was asked for. */
export async function v2ManifestReasons(
  manifest: Manifest | undefined,
  found: RestorableV2,
  trustedKey: string | undefined,
): Promise<readonly string[]> {
  if (manifest === undefined) {
    return trustedKey === undefined
      ? []
      : [`no manifest lies beside it, and one signed by key ${trustedKey} was asked for`];
  }
  const problems = await v2ManifestProblems(manifest, found, trustedKey);
  if (problems.length === 0) return [];
  const named = problems.map(({ field, problem }) => `its ${field} ${problem}`).join("; ");
  return [`the manifest beside it does not fit: ${named}`];
}
