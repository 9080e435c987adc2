/** An API server that needs a KMS: its plugin there, absent, slow, or with another key. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseEncryptionConfig } from "../../../etcd/encryption/parse-configuration";
import { openDecryptor } from "../../../etcd/encryption/decryptor";
import { startKmsPlugin, type KmsBehaviour } from "../../support/kms-plugin";
import {
  createWorkspace,
  readKmsFixture,
  readListed,
  snapshotBytes,
  type Workspace,
} from "../../support/kubernetes-fixtures";
import { temporaryDirectory } from "../../support/temporary";
import { booted, needsApiServer } from "./booted";

needsApiServer("1.35");
const NAME = "kubernetes-1.35-kms.db";
let workspace: Workspace;
let file: string;
beforeAll(() => {
  workspace = createWorkspace();
  file = workspace.write(NAME, snapshotBytes(NAME));
});
afterAll(() => {
  workspace.remove();
});

/** Boots with a plugin; without one where `behaviour` is undefined. */
async function withPlugin(behaviour: Partial<KmsBehaviour> | undefined, timeout = "3s") {
  const socket = join(await temporaryDirectory(), "kms.sock");
  const { configuration, kms } = readKmsFixture(socket);
  const text = configuration.replaceAll('"timeout": "3s"', `"timeout": "${timeout}"`);
  const plugin = behaviour && (await startKmsPlugin(socket, { kms, ...behaviour }));
  const decryptor = await openDecryptor(parseEncryptionConfig(text));
  try {
    return await booted(file, {
      encryptionConfig: text,
      async decrypt(key, value) {
        const opened = await decryptor.open(key, value);
        return "value" in opened ? opened.value : undefined;
      },
    });
  } finally {
    decryptor.close();
    await plugin?.stop();
  }
}

describe("a store whose keys a KMS keeps", () => {
  it("boots with its plugin: kms v1 and v2 and aesgcm, every object as in the file", async () => {
    const { checks, kubernetes } = await withPlugin({});
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    const listed = readListed(NAME).length;
    expect(kubernetes).toMatchObject({ expected: listed, same: listed, differences: 0 });
  });

  it.each([
    ["absent", undefined, "3s", "does not answer at unix://"],
    ["slower than its timeout", { slowByMs: 2000 }, "200ms", "did not answer within 200 ms"],
  ] as const)("promises nothing where the plugin is %s", async (_, behaviour, timeout, words) => {
    const { check, kubernetes } = await withPlugin(behaviour, timeout);
    expect(kubernetes).toBeUndefined();
    const ready = check("kubernetes-ready");
    expect(ready).toMatchObject({ verdict: "not-checked" });
    expect(ready?.reason).toContain(words);
  });

  it("fails where the plugin has another key", async () => {
    const other = { keyId: "fixture-2026", key: randomBytes(32) };
    const { checks, check } = await withPlugin({ kms: other });
    expect(checks.some(({ verdict }) => verdict === "fail")).toBe(true);
    expect(check("kubernetes-ready")?.verdict ?? "absent").not.toBe("not-checked");
  });
});
