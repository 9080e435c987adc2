/** Whose backup it is, and whether what is encrypted in it can be read: in the report of a verification. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parseEncryptionConfig } from "../../../etcd/encryption/parse-configuration";
import { verify } from "../../../etcd/proof/verify";
import { parseReport } from "../../../etcd/report/parse";
import { htmlReport } from "../../../etcd/report/html";
import { markdownReport } from "../../../etcd/report/markdown";
import { reportText } from "../../../etcd/report/text";
import type { Report } from "../../../etcd/report/report";
import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { server } from "./stores";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const CONFIG = readFileSync(
  join(__dirname, "../../fixtures/kubernetes-1.35-encrypted.encryption-config.json"),
  "utf8",
);
const UID = "c726159b-1fe7-4f91-a8fe-36896fc5f436";
const checkOf = (report: Report, id: string) => report.checks.find((check) => check.id === id);

it("passes with the right configuration and cluster, and fails with others, naming the keys and no value", async () => {
  const file = workspace.write("encrypted.db", snapshotBytes("kubernetes-1.35-encrypted.db"));
  const restored = await server({ snapshot: file });
  const snapshot = await readSnapshot(file);
  try {
    const request = { snapshot, endpoint: restored.endpoint, level: "full" } as const;
    const encryption = parseEncryptionConfig(CONFIG);
    const good = await verify({ ...request, encryption, expectedCluster: UID });
    expect(checkOf(good, "encryption")).toMatchObject({
      verdict: "pass",
      found: "8 (4 by secretbox 'key2', 4 by aescbc 'key1')",
    });
    expect(checkOf(good, "cluster")).toMatchObject({ verdict: "pass", found: UID });
    expect(good.verdict).toBe("pass");
    expect(good.cluster).toMatchObject({ uid: UID, kubernetesVersion: "v1.35.4", nodes: 3 });
    expect(good.cluster?.lastRenewal).toMatch(/^2026-11-22T19:28:23/);
    // Without them nothing of it is asked.
    const plain = await verify(request);
    expect([checkOf(plain, "encryption"), checkOf(plain, "cluster")]).toEqual([
      undefined,
      undefined,
    ]);

    const wrong = parseEncryptionConfig(CONFIG.replace("og9BPoegHfW5", "AAAAAAAAAAAA"));
    const bad = await verify({ ...request, encryption: wrong, expectedCluster: "another" });
    expect(bad.verdict).toBe("fail");
    expect(checkOf(bad, "encryption")?.reason).toContain(
      "/registry/secrets/shop/db-credentials (secretbox 'key2'): the key of this name does not open it",
    );
    expect(checkOf(bad, "cluster")).toMatchObject({ verdict: "fail", found: UID });
    expect(bad.encryption?.impossible.total).toBe(4);
    for (const report of [good, bad]) {
      const forms = [
        JSON.stringify(report),
        htmlReport(report),
        markdownReport(report),
        reportText(report, { color: false }),
      ];
      expect(parseReport(forms[0] ?? "", "report.json")).toEqual(report);
      for (const form of forms)
        expect(form).not.toMatch(/correct-horse|og9BPoegHfW5|AAAAAAAAAAAA|BPIH87rYAj/);
      expect(forms[1]).toContain(UID);
      expect(forms[2]).toContain(UID);
      expect(forms[3]).toContain(UID);
    }
  } finally {
    snapshot.close();
  }
}, 120_000);
