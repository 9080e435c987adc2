/**
 * The envelopes of the kms providers: which encrypted key a value carries, and what it encrypts.
 *
 * kubernetes/apiserver, pkg/storage/value/encrypt/envelope: envelope.go (v1), kmsv2/v2/api.proto (v2).
 */
import { bytesField, bytesFields, readFields, unsignedField } from "../wire/protobuf";

/** A key that only the plugin can decrypt: many values may share it. */
export interface EncryptedKey {
  /** The same for the same question to the same plugin. */
  readonly id: string;
  readonly ciphertext: Buffer;
  /** Of v2: which key of the plugin's encrypted it. */
  readonly keyId: string;
  readonly annotations: readonly Buffer[];
}

export interface Envelope {
  readonly encryptedKey: EncryptedKey;
  readonly data: Buffer;
  /** `v1`: AES-GCM, before Kubernetes 1.25 AES-CBC. `key`: AES-GCM. `seed`: AES-GCM with a key derived for this value. */
  readonly form: "v1" | "key" | "seed";
}

/**
 * Takes a value apart.
 * @param body what stands behind the header
 * @returns undefined when it is no envelope
 */
export function envelopeOf(version: string, body: Buffer): Envelope | undefined {
  return version === "v1" ? envelopeV1(body) : envelopeV2(body);
}

function envelopeV1(body: Buffer): Envelope | undefined {
  if (body.length < 2) return undefined;
  const end = 2 + body.readUInt16BE(0);
  if (end === 2 || end > body.length) return undefined;
  const ciphertext = body.subarray(2, end);
  return {
    encryptedKey: { id: idOf([ciphertext]), ciphertext, keyId: "", annotations: [] },
    data: body.subarray(end),
    form: "v1",
  };
}

function envelopeV2(body: Buffer): Envelope | undefined {
  try {
    const fields = [...readFields(body)];
    const ciphertext = bytesField(fields, 3);
    const keyId = bytesField(fields, 2);
    const annotations = bytesFields(fields, 4);
    const type = unsignedField(fields, 5);
    if (ciphertext.length === 0 || keyId.length === 0 || type > 1n) return undefined;
    return {
      encryptedKey: {
        id: idOf([keyId, ciphertext, ...annotations]),
        ciphertext,
        keyId: keyId.toString(),
        annotations,
      },
      data: bytesField(fields, 1),
      form: type === 1n ? "seed" : "key",
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The bytes themselves, which are few: every value asks, and a digest would take longer than its cipher. */
function idOf(parts: readonly Buffer[]): string {
  return parts.map((part) => `${part.length}:${part.toString("latin1")}`).join("");
}
