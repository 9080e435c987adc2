/** Signed reports, as others verify them: `cosign verify-blob-attestation` takes ours, and no altered one. */
import { spawnSync } from "node:child_process";
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { signedEnvelope } from "../../evidence/envelope";
import { statementOf } from "../../evidence/statement";
import { toolsDirOf } from "../../machine/programs/find";
import { platform } from "../../machine/programs/version";
import { readReport } from "../etcd/report/reports";
import { snapshotBytes } from "../support/kubernetes-fixtures";
import { temporaryDirectory } from "../support/temporary";

const TYPE = "https://in-toto.io/attestation/test-result/v0.1";

/** Beside the other programs, or on PATH: `go install github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5` takes minutes. */
const program = [path.join(toolsDirOf({}), `cosign-2.6.5-${platform()}`, "cosign"), "cosign"].find(
  (file) => spawnSync(file, ["version"]).status === 0,
);

async function signed() {
  const folder = await temporaryDirectory();
  const write = (name: string, content: Buffer | string) => {
    fs.writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  const bytes = snapshotBytes("kubernetes-1.35-main.db");
  const backup = write("etcd.db", bytes);
  const sha256 = crypto.createHash("sha256").update(bytes).digest("hex");
  const passed = readReport("pass");
  const report = { ...passed, snapshot: { ...passed.snapshot, file: backup, sha256 } };
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const key = write("drill.pub", publicKey.export({ type: "spki", format: "pem" }).toString());
  const envelope = signedEnvelope(statementOf(report, { drills: 3, head: "a".repeat(64) }), pem);
  return { write, backup, key, envelope, signature: write("report.intoto.json", envelope) };
}

function verify({ key, signature, blob }: Record<"key" | "signature" | "blob", string>) {
  const flags = ["--key", key, "--signature", signature, "--type", TYPE, "--check-claims=true"];
  // Nothing of a drill is told to a public log: the key is what is trusted.
  const args = ["verify-blob-attestation", ...flags, "--insecure-ignore-tlog=true", blob];
  const { status, stderr } = spawnSync(program ?? "", args, { encoding: "utf8" });
  return { status, stderr };
}

describe.skipIf(program === undefined)("cosign 2.6.5 (among the tools, or on PATH)", () => {
  test("verifies that the key has signed a report of this very backup", async () => {
    const { backup, key, signature } = await signed();
    const { status, stderr } = verify({ key, signature, blob: backup });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("Verified OK");
  });

  test("refuses another backup, another key, and an envelope that was altered", async () => {
    const { backup, key, signature, write, envelope } = await signed();
    const another = write("other.db", snapshotBytes("kubernetes-1.35-events.db"));
    expect(verify({ key, signature, blob: another }).status).not.toBe(0);
    const other = await signed();
    expect(verify({ key: other.key, signature, blob: backup }).status).not.toBe(0);
    const parsed = JSON.parse(envelope) as { payload: string };
    const text = Buffer.from(parsed.payload, "base64").toString().replace('"PASSED"', '"FAILED"');
    const payload = Buffer.from(text).toString("base64");
    expect(payload).not.toBe(parsed.payload);
    const altered = write("altered.json", `${JSON.stringify({ ...parsed, payload })}\n`);
    expect(verify({ key, signature: altered, blob: backup }).status).not.toBe(0);
  });
});
