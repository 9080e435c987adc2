/**
 * Makes the fixture `kubernetes-MINOR-kms.db`: Secrets, ConfigMaps and custom resources that a real kube-apiserver
 * encrypted by kms v1, kms v2 and aesgcm, before and after a change of the configuration.
 *
 *     node --require ./engine/typescript.cjs test/support/fixture-maker/encrypted.ts 1.35 [FOLDER]
 *
 * The KMS is test/support/kms-plugin.ts. Beside the store lie the configuration, with `SOCKET` where the plugin's is
 * to be named, and the KMS's own key, with which a test starts it again. kms v1 is off unless a gate opens it.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEtcdServer } from "../etcd-server";
import { startKmsPlugin } from "../kms-plugin";
import { startKubernetesServer, type ApiObject, type KubernetesServer } from "../kubernetes-server";
import { CUSTOM_RESOURCES, DEFINITIONS, NAMESPACES, object } from "./cluster";
import { saveFixture, until } from "./save";

const digest = (text: string) => createHash("sha256").update(text).digest();
const KMS = { keyId: "fixture-2026", key: digest("fixture kms key") };
const SECRETS_OF_EACH = 4;

const aesgcm = (...names: readonly string[]) => ({
  aesgcm: {
    keys: names.map((name) => ({ name, secret: digest(`fixture ${name}`).toString("base64") })),
  },
});
const kms = (apiVersion: "v1" | "v2", name: string) => ({
  kms: { apiVersion, name, endpoint: "unix://SOCKET", timeout: "3s" },
});

/** A configuration; `SOCKET` stands for the plugin's. */
function configuration(secrets: readonly object[], configMaps: object): string {
  const resource = (name: string, providers: readonly object[]) => ({
    ...{ resources: [name], providers: [...providers, { identity: {} }] },
  });
  const of = {
    ...{ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration" },
    resources: [
      resource("secrets", secrets),
      resource("configmaps", [configMaps]),
      resource("widgets.example.com", [kms("v2", "widgets-vault")]),
    ],
  };
  return `${JSON.stringify(of, undefined, 1)}\n`;
}

const BEFORE = configuration([kms("v1", "old-vault")], aesgcm("key1"));
const AFTER = configuration(
  [kms("v2", "vault"), kms("v1", "old-vault")],
  // The new key first: it encrypts; the old one still reads.
  aesgcm("key2", "key1"),
);

function contents(prefix: string): readonly ApiObject[] {
  return Array.from({ length: SECRETS_OF_EACH }, (_, i) => [
    object("v1", "Secret", `shop/${prefix}-${i}`, {
      stringData: { token: `not-real-${prefix}${i}` },
    }),
    object("v1", "ConfigMap", `team-a/${prefix}-${i}`, { data: { n: String(i) } }),
  ]).flat();
}

async function make(minor: string, folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "etcd-restore-maker-"));
  const socket = join(work, "kms.sock");
  const plugin = await startKmsPlugin(socket, { kms: KMS });
  const etcd = await startEtcdServer({ version: "3.6" });
  let api: KubernetesServer | undefined;
  const serve = (text: string) =>
    startKubernetesServer({
      ...{ version: minor, etcd: etcd.url, encryptionConfig: text.replaceAll("SOCKET", socket) },
      flags: ["--feature-gates=KMSv1=true"],
    });
  const createAll = async (to: KubernetesServer, objects: readonly ApiObject[]) => {
    for (const one of objects) await to.create(one);
  };
  try {
    api = await serve(BEFORE);
    await createAll(api, [...NAMESPACES, ...DEFINITIONS, ...contents("early")]);
    await api.stop();
    api = await serve(AFTER);
    const { ask } = api;
    await until("widgets are served", async () =>
      ask("GET", "/apis/example.com/v1/widgets").then(Boolean, () => false),
    );
    await createAll(api, [...CUSTOM_RESOURCES, ...contents("late")]);
    const name = `kubernetes-${minor}-kms`;
    process.stderr.write(`${await saveFixture(folder, `${name}.db`, api, etcd)}\n`);
    writeFileSync(join(folder, `${name}.encryption-config.json`), AFTER);
    const own = { keyId: KMS.keyId, key: KMS.key.toString("base64") };
    writeFileSync(join(folder, `${name}.kms.json`), `${JSON.stringify(own, undefined, 1)}\n`);
  } finally {
    await api?.stop("SIGKILL");
    await etcd.stop();
    await plugin.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

const [minor = "1.35", folder = join(__dirname, "..", "..", "fixtures")] = process.argv.slice(2);
make(minor, folder).catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 3;
});
