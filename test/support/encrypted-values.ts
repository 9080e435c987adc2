/** Values as an API server encrypts them (the formats of kubernetes/apiserver, pkg/storage/value/encrypt), and a KMS plugin. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { encodeMessage } from "../../etcd/wire/protobuf";

/** A Secret in protobuf, as Kubernetes stores it; its data is random, or says what it is told to. */
export function secretObject(
  namespace: string,
  name: string,
  data: string | Buffer = randomBytes(64),
): Buffer {
  const metadata = encodeMessage([
    [1, name],
    [3, namespace],
    [5, randomUUID()],
    [8, encodeMessage([[1, 1_764_000_000]])],
  ]);
  const entry = encodeMessage([
    [1, "password"],
    [2, data],
  ]);
  const raw = encodeMessage([
    [1, metadata],
    [2, entry],
    [3, "Opaque"],
  ]);
  const type = encodeMessage([
    [1, "v1"],
    [2, "Secret"],
  ]);
  const unknown = encodeMessage([
    [1, type],
    [2, raw],
  ]);
  return Buffer.concat([Buffer.from("k8s\0"), unknown]);
}

export function sealCbc(name: string, key: Buffer, plain: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`k8s:enc:aescbc:v1:${name}:`), cbc(key, plain)]);
}

function cbc(key: Buffer, plain: Buffer): Buffer {
  const iv = randomBytes(16);
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv);
  return Buffer.concat([iv, cipher.update(plain), cipher.final()]);
}

export function sealGcm(name: string, key: Buffer, plain: Buffer, etcdKey: string): Buffer {
  return Buffer.concat([Buffer.from(`k8s:enc:aesgcm:v1:${name}:`), gcm(key, plain, etcdKey)]);
}

function gcm(key: Buffer, plain: Buffer, etcdKey: string): Buffer {
  const nonce = randomBytes(12);
  const cipher =
    key.length === 32
      ? createCipheriv("aes-256-gcm", key, nonce)
      : key.length === 24
        ? createCipheriv("aes-192-gcm", key, nonce)
        : createCipheriv("aes-128-gcm", key, nonce);
  cipher.setAAD(Buffer.from(etcdKey));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]);
}

const sodium = createRequire(__filename)(
  "libsodium-wrappers",
) as typeof import("libsodium-wrappers");

/** `await sodiumReady` comes before it. */
export function sealBox(name: string, key: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(24);
  const box = sodium.crypto_secretbox_easy(plain, nonce, key);
  return Buffer.concat([Buffer.from(`k8s:enc:secretbox:v1:${name}:`), nonce, box]);
}
export const sodiumReady: Promise<void> = sodium.ready;

/** What a KMS encrypts keys with: a key that it never gives away. */
export interface Kms {
  readonly keyId: string;
  readonly key: Buffer;
}

/** A key as the plugin encrypts it. */
export function wrapKey(kms: Kms, plain: Buffer): Buffer {
  return gcm(kms.key, plain, "kms");
}

/** @throws where it is another's */
export function unwrapKey(kms: Kms, wrapped: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", kms.key, wrapped.subarray(0, 12));
  decipher.setAAD(Buffer.from("kms"));
  decipher.setAuthTag(wrapped.subarray(-16));
  return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
}

/** kms v1: the encrypted key with its length, then GCM, or CBC as Kubernetes before 1.25 wrote. */
export function sealKmsV1(
  plugin: string,
  kms: Kms,
  plain: Buffer,
  etcdKey: string,
  form: "gcm" | "cbc" = "gcm",
): Buffer {
  const key = randomBytes(32);
  const wrapped = wrapKey(kms, key);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  const body = form === "gcm" ? gcm(key, plain, etcdKey) : cbc(key, plain);
  return Buffer.concat([Buffer.from(`k8s:enc:kms:v1:${plugin}:`), length, wrapped, body]);
}

/** kms v2: an EncryptedObject; `seed` is shared by many values, or the key of this one alone where `type` is 0. */
export function sealKmsV2(
  plugin: string,
  kms: Kms,
  {
    plain,
    etcdKey,
    seed,
    wrapped,
    type = 1,
  }: {
    readonly plain: Buffer;
    readonly etcdKey: string;
    readonly seed: Buffer;
    readonly wrapped: Buffer;
    readonly type?: 0 | 1;
  },
): Buffer {
  const info = randomBytes(32);
  const derived = createHmac("sha256", seed)
    .update(info)
    .update(Buffer.from([1]))
    .digest();
  const data =
    type === 0 ? gcm(seed, plain, etcdKey) : Buffer.concat([info, gcm(derived, plain, etcdKey)]);
  const annotation = encodeMessage([
    [1, "version.kms.example"],
    [2, "1"],
  ]);
  const object = encodeMessage([
    [1, data],
    [2, kms.keyId],
    [3, wrapped],
    [4, annotation],
    [5, type],
  ]);
  return Buffer.concat([Buffer.from(`k8s:enc:kms:v2:${plugin}:`), object]);
}

/** A store in memory, for what takes the keys of a snapshot. */
export function storeOf(entries: readonly (readonly [key: string, value: Buffer])[]) {
  const sorted = [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const entry = (i: number) => sorted[i] ?? ["", Buffer.alloc(0)];
  return {
    count: sorted.length,
    key: (i: number) => Buffer.from(entry(i)[0]),
    value: (i: number) => entry(i)[1],
    headNumber: () => 1,
    head: () => undefined,
    folderEnd: (i: number) => i + 1,
  };
}
