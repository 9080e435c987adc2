/** The state of a stack on disk, in the form that `pulumi stack export` writes and `pulumi stack import` reads. */

import * as crypto from "node:crypto";
import * as fs from "node:fs";
import { z } from "zod";
import { writeFileSafely } from "./files";
import type { Crypter } from "./passphrase";
import { hasMark, isObject, mapProperties, SECRET, SIGNATURE } from "./values";
import type { Properties, Value } from "./values";

const value: z.ZodType<Value> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(value),
    z.record(z.string(), value),
  ]),
);
const properties: z.ZodType<Properties> = z.record(z.string(), value);

const resource = z.object({
  urn: z.string(),
  custom: z.boolean(),
  type: z.string(),
  id: z.string().optional(),
  delete: z.boolean().optional(),
  pendingReplacement: z.boolean().optional(),
  inputs: properties.optional(),
  outputs: properties.optional(),
  parent: z.string().optional(),
  provider: z.string().optional(),
  deletedWith: z.string().optional(),
  dependencies: z.array(z.string()).optional(),
  propertyDependencies: z.record(z.string(), z.array(z.string())).optional(),
  additionalSecretOutputs: z.array(z.string()).optional(),
  created: z.string().optional(),
  modified: z.string().optional(),
});

const pendingOperation = z.object({
  resource,
  type: z.enum(["creating", "updating", "deleting"]),
});

const document = z.object({
  version: z.literal(3),
  deployment: z.object({
    secrets_providers: z.object({
      type: z.literal("passphrase"),
      state: z.object({ salt: z.string() }),
    }),
    resources: z.array(resource).default([]),
    pending_operations: z.array(pendingOperation).default([]),
  }),
});

/** One resource, field for field as in the deployment of Pulumi's state (`apitype.ResourceV3`). */
export type ResourceState = Readonly<z.infer<typeof resource>>;

/** Something that had been begun and not ended when the state was written. */
export type PendingOperation = Readonly<z.infer<typeof pendingOperation>>;

export interface StackState {
  /** In an order in which each comes after what it depends on. */
  readonly resources: readonly ResourceState[];
  readonly pending: readonly PendingOperation[];
}

export interface SealedState extends StackState {
  readonly salt: string;
}

/** Version that the manifest names: the one whose state form this is. */
const WRITTEN_AS = "v3.248.0";

/** Reads a state whose secrets are still sealed; `undefined` when there is no file. Throws when it is damaged. */
export function readState(file: string): SealedState | undefined {
  if (!fs.existsSync(file)) return undefined;
  try {
    const { deployment } = document.parse(JSON.parse(fs.readFileSync(file, "utf8")));
    return {
      resources: deployment.resources,
      pending: deployment.pending_operations,
      salt: deployment.secrets_providers.state.salt,
    };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(
      `the state file ${file} cannot be read (${reason}). Put back a copy of it; ` +
        "if nothing of the stack exists any more, remove the file",
    );
  }
}

/** Writes a state, its secrets sealed, so that either the old or the new one is there whatever happens. */
export function writeState(file: string, state: StackState, crypter: Crypter): void {
  const sealed = {
    version: 3,
    deployment: {
      manifest: {
        time: new Date().toISOString(),
        magic: crypto.createHash("sha256").update(WRITTEN_AS).digest("hex"),
        version: WRITTEN_AS,
      },
      secrets_providers: { type: "passphrase", state: { salt: crypter.salt } },
      resources: state.resources.map((item) => mapSecrets(item, sealSecret(crypter))),
      pending_operations: state.pending.map((operation) => ({
        ...operation,
        resource: mapSecrets(operation.resource, sealSecret(crypter)),
      })),
      metadata: {},
    },
  };
  writeFileSafely(file, `${JSON.stringify(sealed, null, 2)}\n`);
}

/** The state with its secrets in clear. */
export function unseal(state: SealedState, crypter: Crypter): StackState {
  const open = (item: ResourceState): ResourceState => mapSecrets(item, openSecret(crypter));
  return {
    resources: state.resources.map(open),
    pending: state.pending.map((pending) => ({ ...pending, resource: open(pending.resource) })),
  };
}

function textOf(ciphertext: Value | undefined): string {
  if (typeof ciphertext === "string") return ciphertext;
  throw new Error("a secret in the state file has no ciphertext");
}

type ChangeSecret = (marked: Properties) => Properties;

function sealSecret(crypter: Crypter): ChangeSecret {
  return (marked) => ({
    [SIGNATURE]: SECRET,
    ciphertext: crypter.encrypt(JSON.stringify(marked.value ?? null)),
  });
}

function openSecret(crypter: Crypter): ChangeSecret {
  return (marked) => ({
    [SIGNATURE]: SECRET,
    value: JSON.parse(crypter.decrypt(textOf(marked.ciphertext))) as Value,
  });
}

function mapSecrets(item: ResourceState, change: ChangeSecret): ResourceState {
  const { inputs, outputs } = item;
  return {
    ...item,
    ...(inputs && { inputs: mapProperties(inputs, (each) => changeSecrets(each, change)) }),
    ...(outputs && { outputs: mapProperties(outputs, (each) => changeSecrets(each, change)) }),
  };
}

/** From the outside in: what is inside a secret is sealed with it. */
function changeSecrets(item: Value, change: ChangeSecret): Value {
  if (hasMark(item, SECRET)) return change(item);
  if (Array.isArray(item)) return item.map((each: Value) => changeSecrets(each, change));
  return isObject(item) ? mapProperties(item, (each) => changeSecrets(each, change)) : item;
}
