/**
 * The API server's EncryptionConfiguration out of its text: a mistake is named by its place, and what stands there is told
 * to nobody, for it may be a key.
 *
 * Format and rules as kubernetes/apiserver has them: pkg/apis/apiserver/v1/types.go and register.go,
 * pkg/apis/apiserver/validation/validation_encryption.go.
 */
import { z } from "zod";
import { counted } from "../wire/figures";
import { canonical, type EncryptionConfiguration, groupOf, type Provider } from "./configuration";
import { EncryptionConfigError } from "./errors";

const key = z.strictObject({ name: z.string().min(1), secret: z.string().min(1) });
const keys = z.strictObject({ keys: z.array(key).min(1) });
const kms = z.strictObject({
  apiVersion: z.enum(["v1", "v2"]).optional(),
  name: z.string().min(1),
  endpoint: z.string().min(1),
  cachesize: z.number().optional(),
  timeout: z.string().optional(),
});
const provider = z.strictObject({
  aesgcm: keys.nullish(),
  aescbc: keys.nullish(),
  secretbox: keys.nullish(),
  identity: z.strictObject({}).nullish(),
  kms: kms.nullish(),
});
const configuration = z.strictObject({
  kind: z.string(),
  apiVersion: z.string(),
  resources: z
    .array(
      z.strictObject({
        resources: z.array(z.string().min(1)).min(1),
        providers: z.array(provider).min(1),
      }),
    )
    .min(1),
});

/** Bytes that a key of a provider may have. */
const KEY_BYTES = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] } as const;
/** A plugin's time to answer where the configuration does not say (pkg/apis/apiserver/v1/defaults.go). */
const KMS_TIMEOUT_MS = 3000;

/**
 * Reads a configuration.
 * @param text YAML or JSON
 * @throws EncryptionConfigError
 */
export function parseEncryptionConfig(text: string): EncryptionConfiguration {
  const { success, data, error } = configuration.safeParse(contentOf(text));
  if (!success) {
    const problems = error.issues.slice(0, 5).map(problemOf);
    throw new EncryptionConfigError(`it is no EncryptionConfiguration: ${problems.join("; ")}`);
  }
  const type = `${data.apiVersion} ${data.kind}`;
  // The second name is what the documentation once said, and the API server still takes.
  if (
    type !== "apiserver.config.k8s.io/v1 EncryptionConfiguration" &&
    type !== "v1 EncryptionConfig"
  ) {
    throw new EncryptionConfigError(
      "it is no EncryptionConfiguration: kind and apiVersion must be EncryptionConfiguration of apiserver.config.k8s.io/v1",
    );
  }
  const entries = data.resources.map(({ resources, providers }, index) => ({
    resources: resources.map((name, at) =>
      resourceName(name, `resources[${index}].resources[${at}]`),
    ),
    providers: providers.map((one, at) => providerOf(one, `resources[${index}].providers[${at}]`)),
  }));
  assertReachable(entries);
  return entries;
}

/** What the text holds. What the parser says of a mistake would quote the line, and with it perhaps a key. */
function contentOf(text: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- for those who have a configuration
  const { parseDocument } = require("yaml") as typeof import("yaml");
  const document = parseDocument(text, { prettyErrors: true, logLevel: "silent" });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = problem.linePos?.[0] ?? { line: 1, col: 1 };
    throw new EncryptionConfigError(
      `it is neither YAML nor JSON: at line ${line}, column ${col} (${problem.code})`,
    );
  }
  try {
    return document.toJS();
  } catch {
    throw new EncryptionConfigError("it is neither YAML nor JSON: an alias in it has no end");
  }
}

/** A field's name, where it can be nothing else: a key that was put in the place of one is longer, or has other characters. */
const FIELD_NAME = /^[A-Za-z]{1,20}$/;

/** Where something is wrong, and what; never what stands there. */
function problemOf(issue: z.core.$ZodIssue): string {
  const where = issue.path.reduce<string>(
    (path, part) =>
      typeof part === "number"
        ? `${path}[${part}]`
        : `${path}${path === "" ? "" : "."}${FIELD_NAME.test(String(part)) ? String(part) : "…"}`,
    "",
  );
  return `${where === "" ? "the document" : where} ${whatIsWrong(issue)}`;
}

function whatIsWrong(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    const named = issue.keys.filter((name) => FIELD_NAME.test(name));
    const names = named.length > 0 ? `: ${named.join(", ")}` : "";
    return `has ${counted(issue.keys.length, "field")} that it cannot have${names}`;
  }
  if (issue.code === "invalid_type") {
    const { expected } = issue;
    const what = expected === "object" ? "map" : expected === "array" ? "list" : expected;
    return `must be a ${what}, and it must be there`;
  }
  if (issue.code === "too_small") return "must not be empty";
  if (issue.code === "invalid_value") {
    return `must be one of ${issue.values.map(String).join(", ")}`;
  }
  return "is not as it must be";
}

function resourceName(name: string, where: string): string {
  const problem =
    name === "*"
      ? "is '*': use '*.' for the core group, '*.GROUP', or '*.*' for everything"
      : /[A-Z]/.test(name)
        ? "has capital letters: a resource is named in its plural, such as secrets"
        : name.endsWith(".events.k8s.io") || name.endsWith(".extensions")
          ? "is of a group that nothing is stored in: use the resource's own group"
          : name.endsWith(".*") && name !== "*.*"
            ? "is one resource of every group, which cannot be"
            : undefined;
  if (problem === undefined) return name;
  throw new EncryptionConfigError(`${where} ${problem}`);
}

function providerOf(given: z.infer<typeof provider>, where: string): Provider {
  const found = Object.values(given).filter((value) => value != null).length;
  if (found !== 1) {
    // `identity:` with nothing behind it is no provider to an API server either: it must be `identity: {}`.
    throw new EncryptionConfigError(
      `${where} must name one provider (aescbc, aesgcm, secretbox, kms, or identity: {}); it names ${found}`,
    );
  }
  if (given.identity != null) return { kind: "identity" };
  if (given.kms != null) return kmsOf(given.kms, `${where}.kms`);
  for (const kind of ["aescbc", "aesgcm", "secretbox"] as const) {
    const list = given[kind]?.keys ?? [];
    if (list.length > 0) {
      return {
        kind,
        keys: list.map(({ name, secret }, index) => ({
          name,
          secret: keyBytes(secret, kind, `${where}.${kind}.keys[${index}].secret`),
        })),
      };
    }
  }
  throw new EncryptionConfigError(`${where} has no key`);
}

function keyBytes(secret: string, kind: keyof typeof KEY_BYTES, where: string): Buffer {
  // Go's decoder takes line breaks, and nothing else that is not base64.
  const digits = secret.replace(/[\r\n]/g, "");
  const bytes = Buffer.from(digits, "base64");
  if (bytes.toString("base64") !== digits) {
    throw new EncryptionConfigError(`${where} is not base64`);
  }
  const allowed: readonly number[] = KEY_BYTES[kind];
  if (allowed.includes(bytes.length)) return bytes;
  throw new EncryptionConfigError(
    `${where} is ${bytes.length} bytes long; ${kind} takes ${allowed.join(", ")}, in base64`,
  );
}

function kmsOf(given: z.infer<typeof kms>, where: string): Provider {
  const { name, endpoint, timeout } = given;
  // In the header of a value a colon ends the name; the first version of the interface let it pass.
  if (name.includes(":") && given.apiVersion === "v2") {
    throw new EncryptionConfigError(`${where}.name has a colon`);
  }
  if (!/^unix:\/\/\/./.test(endpoint)) {
    throw new EncryptionConfigError(`${where}.endpoint must be unix:///path/of/the/socket`);
  }
  return {
    kind: "kms",
    version: given.apiVersion ?? "v1",
    name,
    endpoint,
    timeoutMs: timeout === undefined ? KMS_TIMEOUT_MS : milliseconds(timeout, `${where}.timeout`),
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it: `3s`, `1m30s`, `500ms`. */
function milliseconds(text: string, where: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const total = parts.reduce(
    (sum, [, count = "", unit = ""]) => sum + Number(count) * (UNITS[unit] ?? 0),
    0,
  );
  if (parts.map(([part]) => part).join("") === text && total > 0) return total;
  throw new EncryptionConfigError(`${where} must be a time above 0, such as 3s`);
}

/** An API server does not start with an entry that an earlier wildcard covers, nor with two plugins of one name. */
function assertReachable(entries: EncryptionConfiguration): void {
  const before = new Set<string>();
  const plugins = new Set<string>();
  for (const [index, { resources, providers }] of entries.entries()) {
    for (const [at, resource] of resources.entries()) {
      const wildcard = [`*.${groupOf(resource)}`, "*.*"].find((name) => before.has(name));
      if (wildcard !== undefined) {
        throw new EncryptionConfigError(
          `resources[${index}].resources[${at}] is covered by ${wildcard}, which stands before it`,
        );
      }
      before.add(canonical(resource));
    }
    for (const [at, one] of providers.entries()) {
      if (one.kind !== "kms") continue;
      if (one.version === "v2" && plugins.has(one.name)) {
        throw new EncryptionConfigError(
          `resources[${index}].providers[${at}].kms.name is that of another plugin of this configuration`,
        );
      }
      plugins.add(one.name);
    }
  }
}
