/** Evidence that was altered is refused, in whatever byte: signed reports, and histories. */
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, test } from "vitest";
import { EvidenceError, openEnvelope, signedEnvelope } from "../../evidence/envelope";
import { appendHistory, HistoryError, parseHistory, readHistory } from "../../evidence/history";
import { readStatement, statementOf } from "../../evidence/statement";
import { drilled, entry } from "../support/history-entry";
import { temporaryDirectory } from "../support/temporary";

const TIMES = 1000;
const pair = (): { readonly secret: string; readonly open: string } => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ed25519");
  return {
    secret: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    open: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
};
const own = pair();
const other = pair();

/** Replaces, removes or repeats a byte, or exchanges two that stand beside each other. */
function tampered(text: string): string {
  const bytes = Buffer.from(text);
  const at = crypto.randomInt(bytes.length);
  const [before, byte, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + 1),
    bytes.subarray(at + 1),
  ];
  const ways = [
    () => Buffer.concat([before, Buffer.from([crypto.randomInt(256)]), after]),
    () => Buffer.concat([before, after]),
    () => Buffer.concat([before, byte, byte, after]),
    () => Buffer.concat([before, Buffer.from(" "), byte, after]),
    () => Buffer.concat([before, after.subarray(0, 1), byte, after.subarray(1)]),
  ];
  const made = ways[crypto.randomInt(ways.length)]?.() ?? bytes;
  return made.equals(bytes) ? tampered(text) : made.toString("utf8");
}

test("a signed report is read as it was signed, and tells the reader's policy what it needs", () => {
  const envelope = signedEnvelope(
    statementOf(drilled, { drills: 7, head: "a".repeat(64) }),
    own.secret,
  );
  const { report, history } = readStatement(openEnvelope(envelope, own.open));
  expect(report).toEqual(drilled);
  expect(history).toEqual({ drills: 7, head: "a".repeat(64) });
  const { payload } = JSON.parse(envelope) as { payload: string };
  const statement = JSON.parse(Buffer.from(payload, "base64").toString()) as {
    predicate: { result: string; failedTests: string[] };
    subject: { digest: { sha256: string } }[];
  };
  expect(statement.predicate).toMatchObject({ result: "PASSED", failedTests: [] });
  expect(statement.subject[0]?.digest.sha256).toBe(drilled.snapshot.sha256);
});

test("the signature is DSSE's, as another implementation checks it", () => {
  const { payload, payloadType, signatures } = JSON.parse(
    signedEnvelope(statementOf(drilled), own.secret),
  ) as { payload: string; payloadType: string; signatures: { sig: string }[] };
  const body = Buffer.from(payload, "base64");
  const pae = Buffer.concat([Buffer.from(`DSSEv1 28 ${payloadType} ${body.length} `), body]);
  const sig = Buffer.from(signatures[0]?.sig ?? "", "base64");
  expect(crypto.verify(null, pae, own.open, sig)).toBe(true);
});

test(`${TIMES} signed reports that were tampered with are refused`, () => {
  const envelope = signedEnvelope(statementOf(drilled), own.secret);
  for (let i = 0; i < TIMES; i += 1) {
    const text = tampered(envelope);
    expect(() => readStatement(openEnvelope(text, own.open)), text).toThrow(EvidenceError);
  }
  expect(() => openEnvelope(envelope, other.open)).toThrow(/signed by another key/);
});

test("a statement whose parts do not follow from its report is refused, though its signature holds", () => {
  const statement = statementOf({ ...drilled, verdict: "fail" });
  const lying = { ...statement, predicate: { ...statement.predicate, result: "PASSED" } };
  expect(() => readStatement(openEnvelope(signedEnvelope(lying, own.secret), own.open))).toThrow(
    /does not follow/,
  );
});

test(`${TIMES} histories that were tampered with are refused, signed or not`, async () => {
  const file = path.join(await temporaryDirectory(), "drills.jsonl");
  for (let day = 1; day <= 12; day += 1) await appendHistory(file, entry(day), own.secret);
  const text = fs.readFileSync(file, "utf8");
  expect(parseHistory(text, file, own.open)).toMatchObject({ signed: 12 });
  for (let i = 0; i < TIMES; i += 1) {
    const altered = tampered(text);
    expect(() => parseHistory(altered, file, own.open), altered).toThrow(HistoryError);
  }
  const lines = text.split("\n").slice(0, -1);
  for (const missing of lines.slice(0, -1).keys()) {
    const without = lines.filter((_, at) => at !== missing).map((line) => `${line}\n`);
    expect(() => parseHistory(without.join(""), file)).toThrow(/does not follow/);
  }
});

test("whoever makes the hashes anew cannot make the signatures", async () => {
  const folder = await temporaryDirectory();
  const forged = path.join(folder, "forged.jsonl");
  for (let day = 1; day <= 3; day += 1)
    await appendHistory(forged, { ...entry(day), verdict: "pass" }, other.secret);
  expect(readHistory(forged).entries).toHaveLength(3);
  expect(() => readHistory(forged, own.open)).toThrow(/line 1 is not signed by this key/);
  const unsigned = path.join(folder, "unsigned.jsonl");
  await appendHistory(unsigned, entry(1));
  expect(() => readHistory(unsigned, own.open)).toThrow(/line 1 is not signed/);
});

test("a broken chain gets no further line, and what is there stays", async () => {
  const file = path.join(await temporaryDirectory(), "drills.jsonl");
  for (let day = 1; day <= 3; day += 1) await appendHistory(file, entry(day));
  const altered = fs.readFileSync(file, "utf8").replace('"keys":337', '"keys":338');
  expect(altered).not.toBe(fs.readFileSync(file, "utf8"));
  fs.writeFileSync(file, altered);
  await expect(appendHistory(file, entry(4))).rejects.toThrow(/line 1 .*altered/);
  expect(fs.readFileSync(file, "utf8")).toBe(altered);
  fs.writeFileSync(file, altered.slice(0, -10));
  await expect(appendHistory(file, entry(4))).rejects.toThrow(/cut off/);
});

test("twenty at once append twenty lines, each to the one before", async () => {
  const file = path.join(await temporaryDirectory(), "deep", "drills.jsonl");
  await Promise.all(Array.from({ length: 20 }, (_, day) => appendHistory(file, entry(day + 1))));
  expect(readHistory(file).entries).toHaveLength(20);
  expect(fs.readdirSync(path.dirname(file))).toEqual(["drills.jsonl"]);
});
