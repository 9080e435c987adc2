/** What is wrong with objects that etcd and every hash call good: only opening them, or knowing what they are, tells. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { definitionChecks } from "../../boot/definition-checks";
import { definitionsOf } from "../../boot/definitions";
import { fileChecks } from "../../boot/file-checks";
import { storedObjects } from "../../boot/objects";
import { parseEncryptionConfig } from "../../etcd/encryption/parse-configuration";
import { examineEncryption } from "../../etcd/encryption/examine";
import { reasonsAgainstRestore } from "../../etcd/snapshot/judgement";
import { readSnapshot, type Snapshot } from "../../etcd/snapshot/snapshot";
import { buildDatabase, etcdBuckets } from "../support/bbolt-builder";
import { startKmsPlugin } from "../support/kms-plugin";
import type { Finding } from "./finding";
import type { EncryptedMutant, UseMutant } from "./mutant";

/** Reads a file that is good as a file, and gives what `look` says of it. */
async function looked(
  bytes: Buffer,
  scratch: string,
  look: (read: Snapshot) => Promise<Finding>,
): Promise<Finding> {
  const path = join(scratch, "mutant.db");
  await writeFile(path, bytes);
  const read = await readSnapshot(path);
  try {
    if (reasonsAgainstRestore(read).length > 0) throw new Error("the file itself is bad");
    return await look(read);
  } finally {
    read.close();
  }
}

/** Opens what is encrypted: those keys must be named that are wrong, and no other. */
export function judgeEncrypted(mutant: EncryptedMutant, scratch: string): Promise<Finding> {
  const { configuration, plugin, wrong, failure } = mutant;
  const versions = mutant.entries().map(([key, value], i) => ({
    ...{ main: i + 2, create: i + 2, key: Buffer.from(key), value },
  }));
  const { bytes } = buildDatabase({ buckets: etcdBuckets(versions) });
  return looked(bytes, scratch, async (read) => {
    const socket = join(scratch, "kms.sock");
    const running = plugin && (await startKmsPlugin(socket, plugin));
    try {
      const keys = parseEncryptionConfig(configuration.replaceAll("SOCKET", socket));
      const { impossible } = await examineEncryption(read.live, keys);
      const named = impossible.map(({ key }) => key).join() === wrong.join();
      const fits = impossible.every((one) => failure === undefined || one.failure === failure);
      return { by: named && fits ? "encryption" : "nothing", detail: `${impossible.length} named` };
    } finally {
      await running?.stop();
    }
  });
}

/** Asks the checks of the proof of use that need no API server; a resource is unserved where it has no definition. */
export function judgeUse(mutant: UseMutant, scratch: string): Promise<Finding> {
  const { fails, named } = mutant;
  return looked(mutant.make(), scratch, async (snapshot) => {
    const stored = await storedObjects(snapshot.live);
    const definitions = definitionsOf(snapshot.live, stored);
    const checks = [
      ...fileChecks({ main: { snapshot, stored }, definitions }),
      ...definitionChecks(definitions, stored, [], [...stored.resources.keys()]),
    ];
    const failed = checks.filter(({ verdict }) => verdict === "fail");
    const reasons = failed.map(({ reason = "" }) => reason).join("; ");
    const isRight =
      failed.map(({ id }) => id).join() === fails.join() &&
      named.every((words) => reasons.includes(words));
    return { by: isRight ? "other" : "nothing", detail: failed.map(({ id }) => id).join(", ") };
  });
}
