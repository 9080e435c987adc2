/** A KMS plugin as Kubernetes asks it: gRPC on a Unix socket, both versions, with what can go wrong. */
import * as grpc from "@grpc/grpc-js";
import { bytesField, encodeMessage, readFields } from "../../etcd/wire/protobuf";
import { unwrapKey, wrapKey, type Kms } from "./encrypted-values";

export interface KmsPlugin {
  /** `unix:///…` */
  readonly endpoint: string;
  /** What it was asked, by method. */
  readonly asked: Map<string, number>;
  stop(): Promise<void>;
}

export interface KmsBehaviour {
  readonly kms: Kms;
  /** Answers this much later. */
  readonly slowByMs?: number;
  /** Gives another key than the one that was asked for. */
  readonly lies?: boolean;
  /** Which key it says that it encrypts with now. */
  readonly currentKeyId?: string;
}

const raw = (bytes: Buffer) => bytes;

export async function startKmsPlugin(socket: string, behaviour: KmsBehaviour): Promise<KmsPlugin> {
  const { kms, slowByMs = 0, lies = false, currentKeyId = kms.keyId } = behaviour;
  const asked = new Map<string, number>();
  const server = new grpc.Server();
  const method = (
    service: string,
    name: string,
    answer: (request: Buffer) => Buffer,
  ): [grpc.ServiceDefinition, grpc.UntypedServiceImplementation] => [
    {
      [name]: {
        path: `/${service}.KeyManagementService/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: raw,
        requestDeserialize: raw,
        responseSerialize: raw,
        responseDeserialize: raw,
      },
    },
    {
      [name]: ((call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) => {
        asked.set(name, (asked.get(name) ?? 0) + 1);
        setTimeout(() => {
          try {
            reply(null, answer(call.request));
          } catch {
            reply({ code: grpc.status.INVALID_ARGUMENT, details: "no key of mine decrypts it" });
          }
        }, slowByMs);
      }) as grpc.handleUnaryCall<Buffer, Buffer>,
    },
  ];
  const decrypt = (ciphertext: Buffer, field: number) => {
    const plain = unwrapKey(kms, ciphertext);
    if (lies) plain.reverse();
    return encodeMessage([[field, plain]]);
  };
  const services = [
    method("v2", "Status", () =>
      encodeMessage([
        [1, "v2"],
        [2, "ok"],
        [3, currentKeyId],
      ]),
    ),
    method("v2", "Decrypt", (request) => decrypt(bytesField([...readFields(request)], 1), 1)),
    method("v2", "Encrypt", (request) =>
      encodeMessage([
        [1, wrapKey(kms, bytesField([...readFields(request)], 1))],
        [2, kms.keyId],
      ]),
    ),
    method("v1beta1", "Version", () =>
      encodeMessage([
        [1, "v1beta1"],
        [2, "test"],
        [3, "0.0.1"],
      ]),
    ),
    method("v1beta1", "Decrypt", (request) => decrypt(bytesField([...readFields(request)], 2), 1)),
    method("v1beta1", "Encrypt", (request) =>
      encodeMessage([[1, wrapKey(kms, bytesField([...readFields(request)], 2))]]),
    ),
  ];
  for (const [definition, implementation] of services)
    server.addService(definition, implementation);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return {
    endpoint: `unix://${socket}`,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.forceShutdown();
        resolve();
      }),
  };
}
