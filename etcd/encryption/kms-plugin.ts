/**
 * The KMS plugins of an API server: gRPC on a Unix socket (k8s.io/kms, apis/v1beta1/api.proto and apis/v2/api.proto).
 *
 * A plugin is asked once for each encrypted key, and many values share one. One that does not answer is asked no more.
 */
import type * as grpc from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { bytesField, encodeMessage, readFields, type FieldToWrite } from "../wire/protobuf";
import { shortened, visible } from "../wire/visible";
import type { EncryptedKey } from "./envelope";
import type { PlainKey } from "./open-value";
import type { Reader } from "./readers";

/** The plugins of a configuration; to be closed. */
export interface Plugins {
  /** The plain form of a key that a value carries. */
  plainKey(reader: Reader, key: EncryptedKey): Promise<PlainKey>;
  /** Whether the plugin answers at all, asked as an API server asks for its health. Where not, `problems` says why. */
  answers(reader: Reader): Promise<boolean>;
  /** Of v2: the key that the plugin encrypts with now; undefined where it does not say. */
  currentKeyId(reader: Reader): Promise<string | undefined>;
  /** What each plugin that failed said, once. */
  problems(): readonly string[];
  /** How many times a plugin was asked to decrypt. */
  calls(): number;
  close(): void;
}

/** Keys that are remembered: those of values that came long before are not asked for again. */
const KEPT_KEYS = 4096;
/** The longest message of a plugin that is repeated. */
const MOST_CHARACTERS = 200;

export function openPlugins(): Plugins {
  const clients = new Map<number, grpc.Client>();
  const answers = new Map<string, Promise<PlainKey>>();
  const current = new Map<number, Promise<string | undefined>>();
  const problems = new Map<string, string>();
  const down = new Set<number>();
  const secrets: Buffer[] = [];
  let calls = 0;
  /** Undefined when it failed; then `problems` says why, and `down` whether it is worth asking again. */
  async function ask(
    reader: Reader,
    method: string,
    fields: readonly FieldToWrite[],
  ): Promise<Buffer | undefined> {
    const { plugin } = reader;
    if (plugin === undefined || down.has(reader.id)) return undefined;
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- heavy, and few have a plugin
    const library = require("@grpc/grpc-js") as typeof grpc;
    const client = once(clients, reader.id, () => clientOf(plugin, library));
    const path = `/${plugin.version === "v1" ? "v1beta1" : "v2"}.KeyManagementService/${method}`;
    try {
      return await call(client, path, encodeMessage(fields), plugin.timeoutMs);
    } catch (error) {
      const { isDown, why } = failureOf(error, plugin, library.status);
      if (isDown) down.add(reader.id);
      const name = `kms ${plugin.version} plugin '${visible(plugin.name)}'`;
      if (!problems.has(name)) problems.set(name, `${name} ${why}`);
      return undefined;
    }
  }

  async function decrypt(reader: Reader, key: EncryptedKey): Promise<PlainKey> {
    calls += 1;
    const answer = await ask(reader, "Decrypt", decryptRequest(reader, key));
    if (answer === undefined) return down.has(reader.id) ? "not-asked" : "refused";
    const plain = Buffer.from(bytesField([...readFields(answer)], 1));
    answer.fill(0);
    secrets.push(plain);
    return plain;
  }

  return {
    plainKey(reader, key) {
      const answer = once(answers, `${reader.id}:${key.id}`, () => decrypt(reader, key));
      const oldest = answers.size > KEPT_KEYS ? answers.keys().next().value : undefined;
      if (oldest !== undefined) answers.delete(oldest);
      return answer;
    },
    answers: (reader) => ask(reader, healthOf(reader), []).then((answer) => answer !== undefined),
    currentKeyId: (reader) =>
      once(current, reader.id, () => ask(reader, "Status", []).then(keyIdOf)),
    problems: () => [...problems.values()],
    calls: () => calls,
    close() {
      for (const client of clients.values()) client.close();
      for (const secret of secrets) secret.fill(0);
    },
  };
}

/** The method by which an API server asks for a plugin's health. */
function healthOf({ version }: Reader): string {
  return version === "v1" ? "Version" : "Status";
}

/** What is kept under a name; made where nothing is. */
function once<Name, T extends object>(kept: Map<Name, T>, name: Name, make: () => T): T {
  const found = kept.get(name) ?? make();
  kept.set(name, found);
  return found;
}

/** What a call that failed says of the plugin, and whether it is worth asking again. */
function failureOf(
  error: unknown,
  { endpoint, timeoutMs }: Pick<NonNullable<Reader["plugin"]>, "endpoint" | "timeoutMs">,
  status: typeof grpc.status,
): { readonly isDown: boolean; readonly why: string } {
  const { code, details } = error as Partial<grpc.ServiceError>;
  if (code === status.UNAVAILABLE) {
    return { isDown: true, why: `does not answer at ${visible(endpoint)}` };
  }
  if (code === status.DEADLINE_EXCEEDED) {
    return { isDown: true, why: `did not answer within ${timeoutMs} ms at ${visible(endpoint)}` };
  }
  const said = shortened(visible(details ?? ""), MOST_CHARACTERS);
  return {
    isDown: code === status.UNIMPLEMENTED,
    why: `refused: ${code === undefined ? "" : status[code]} ${said}`.trimEnd(),
  };
}

/** `DecryptRequest` of the plugin's version. */
function decryptRequest(
  { version }: Reader,
  { ciphertext, keyId, annotations }: EncryptedKey,
): readonly FieldToWrite[] {
  if (version === "v1") {
    return [
      [1, "v1beta1"],
      [2, ciphertext],
    ];
  }
  return [
    [1, ciphertext],
    [2, randomUUID()],
    [3, keyId],
    ...annotations.map((entry): FieldToWrite => [4, entry]),
  ];
}

/** `key_id` of a `StatusResponse`. */
function keyIdOf(bytes: Buffer | undefined): string | undefined {
  const keyId = bytes === undefined ? "" : bytesField([...readFields(bytes)], 3).toString();
  return keyId === "" ? undefined : keyId;
}

function clientOf({ endpoint }: NonNullable<Reader["plugin"]>, library: typeof grpc): grpc.Client {
  return new library.Client(addressOf(endpoint), library.credentials.createInsecure());
}

/** `unix:///@name` is an abstract socket (k8s.io/kms/pkg/util, ParseEndpoint). */
function addressOf(endpoint: string): string {
  const path = endpoint.slice("unix://".length);
  return path.startsWith("/@") ? `unix-abstract:${path.slice(2)}` : `unix:${path}`;
}

function call(
  client: grpc.Client,
  path: string,
  request: Buffer,
  timeoutMs: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      (message: Buffer) => message,
      (bytes: Buffer) => bytes,
      request,
      { deadline: Date.now() + timeoutMs },
      (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      },
    );
  });
}
