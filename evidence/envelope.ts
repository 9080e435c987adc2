/**
 * A signed statement in a DSSE envelope (github.com/secure-systems-lab/dsse, `envelope.md` and `protocol.md`, v1): the
 * signature is over the type of the payload and its bytes, with their lengths (PAE), so that neither can pass for another.
 */
import * as crypto from "node:crypto";
import * as z from "zod";
import { privateKeyOf, publicKeyOf, sha256OfKey } from "../etcd/wire/ed25519";

const PAYLOAD_TYPE = "application/vnd.in-toto+json";

const base64 = z.string().refine((text) => Buffer.from(text, "base64").toString("base64") === text);
const envelopeSchema = z.strictObject({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: base64,
  signatures: z.tuple([z.strictObject({ keyid: z.string().regex(/^[0-9a-f]{64}$/), sig: base64 })]),
});

/** Evidence that was altered, is signed by another key, or is none. */
export class EvidenceError extends Error {}

/** The envelope of a statement as the text of its file. @param privateKey PEM of ed25519. @throws KeyError */
export function signedEnvelope(statement: object, privateKey: string): string {
  const key = privateKeyOf(privateKey);
  const payload = Buffer.from(JSON.stringify(statement));
  const sig = crypto.sign(null, encoded(payload), key).toString("base64");
  const keyid = sha256OfKey(crypto.createPublicKey(key));
  const envelope = {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString("base64"),
    signatures: [{ keyid, sig }],
  };
  return `${JSON.stringify(envelope)}\n`;
}

/**
 * The statement of an envelope that this very key has signed.
 * @param publicKey PEM
 * @throws EvidenceError for one that is altered in whatever byte, KeyError
 */
export function openEnvelope(text: string, publicKey: string): unknown {
  const key = publicKeyOf(publicKey);
  const parsed = envelopeSchema.safeParse(jsonOf(text));
  // One text for one content: what stands beside the signed bytes cannot be changed unseen either.
  if (!parsed.success || `${JSON.stringify(parsed.data)}\n` !== text) {
    throw new EvidenceError("it is no envelope of etcd-restore, or it was altered");
  }
  const { payload, signatures } = parsed.data;
  const [{ keyid, sig }] = signatures;
  if (keyid !== sha256OfKey(key)) {
    throw new EvidenceError(`it is signed by another key: SHA-256 ${keyid}`);
  }
  const bytes = Buffer.from(payload, "base64");
  if (!crypto.verify(null, encoded(bytes), key, Buffer.from(sig, "base64"))) {
    throw new EvidenceError("its signature is not over what it holds: it was altered");
  }
  return jsonOf(bytes.toString("utf8"));
}

/** DSSE's pre-authentication encoding. */
function encoded(payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(PAYLOAD_TYPE)} ${PAYLOAD_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EvidenceError("it is no JSON");
  }
}
