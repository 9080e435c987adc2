/** The KMS plugins of an EncryptionConfiguration, as the API server of a clone needs them. */
import { parseEncryptionConfig } from "../etcd/encryption/parse-configuration";
import { openPlugins } from "../etcd/encryption/kms-plugin";
import { readersOf } from "../etcd/encryption/readers";
import { visible } from "../etcd/wire/visible";

/** The first minor with the gate, which every minor since has closed unless it is told otherwise (KEP-3299). */
const GATE_FROM = 28;

/** Flags without which an API server of that version would not take the configuration: kms v1 is off by default. */
export function kmsFlags(configuration: string | undefined, version: string): readonly string[] {
  if (configuration === undefined || Number(version.split(".")[1]) < GATE_FROM) return [];
  const hasV1 = pluginsOf(configuration).some(({ plugin }) => plugin?.version === "v1");
  return hasV1 ? ["--feature-gates=KMSv1=true"] : [];
}

/**
 * Why the API server of a clone could not reach its plugins, which says nothing about the backup; undefined where it
 * can. Each plugin is asked once, within its timeout.
 * @param away whether the clone is on another machine
 */
export async function pluginObstacle(
  configuration: string,
  away: boolean,
): Promise<string | undefined> {
  const readers = pluginsOf(configuration);
  if (readers.length === 0) return undefined;
  const ready = "an API server gets ready only with its KMS plugins";
  if (away) return `${ready}, and their sockets are of this computer (kubernetesOn: here)`;
  const abstract = readers.find(({ plugin }) => plugin?.endpoint.startsWith("unix:///@") === true);
  if (abstract !== undefined) {
    const name = visible(abstract.keyName);
    return `${ready}, and the socket of plugin '${name}' is an abstract one, which no network namespace but its own has`;
  }
  const plugins = openPlugins();
  try {
    await Promise.all(readers.map((reader) => plugins.answers(reader)));
    const problems = plugins.problems();
    return problems.length === 0 ? undefined : `${ready}: ${problems.join("; ")}`;
  } finally {
    plugins.close();
  }
}

function pluginsOf(configuration: string) {
  return readersOf(parseEncryptionConfig(configuration)).all.filter(
    ({ plugin }) => plugin !== undefined,
  );
}
