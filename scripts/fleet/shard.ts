/** Which part of a list one of several runs does: `I/N`, as a Kubernetes Indexed Job numbers its pods. */
import { EXIT, UserError } from "../outcome";
import type { Entry } from "./list";
import { shardText, type Shard } from "./words";

/**
 * The shard that the environment names: `JOB_COMPLETION_INDEX`, which Kubernetes sets in every pod of an Indexed Job, and
 * `JOB_COMPLETIONS`, which the manifest has to set beside it.
 * @throws UserError when one is there without the other, or they are no numbers of that kind
 */
export function shardOfEnvironment(env: Readonly<Record<string, string | undefined>>): Shard {
  const { JOB_COMPLETION_INDEX: index, JOB_COMPLETIONS: count } = env;
  if (index === undefined && count === undefined) return { index: 0, count: 1 };
  try {
    return shardText(`${index ?? ""}/${count ?? ""}`);
  } catch {
    throw new UserError(
      EXIT.usage,
      `JOB_COMPLETION_INDEX=${index ?? "(not set)"} and JOB_COMPLETIONS=${count ?? "(not set)"} name no shard: the first must ` +
        "be from 0 to the second less one. Set both, or none, or give --shard I/N",
    );
  }
}

/**
 * The entries of one shard: those that are of it by the list, and of the others every Nth.
 * @throws UserError when the list was made for more shards
 */
export function entriesOfShard(
  entries: readonly Entry[],
  { index, count }: Shard,
): readonly Entry[] {
  const beyond = entries.find(({ shard }) => shard !== undefined && shard >= count);
  if (beyond !== undefined) {
    throw new UserError(
      EXIT.usage,
      `the list says in line ${beyond.line} that ${JSON.stringify(beyond.name)} is of shard ${beyond.shard}, and there are only ` +
        `${count}, from 0: it was made for more; run as many, or make it anew with \`etcd-restore plan --shards ${count}\``,
    );
  }
  return entries.filter(({ shard }, at) => (shard ?? at % count) === index);
}
