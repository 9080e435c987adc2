import { describe, expect, it } from "vitest";
import { entriesFor } from "../../../etcd/encryption/configuration";
import { parseEncryptionConfig } from "../../../etcd/encryption/parse-configuration";
import { EncryptionConfigError } from "../../../etcd/encryption/errors";

const KEY = Buffer.alloc(32, "C").toString("base64");
const CANARY = "Q0FOQVJZLWNhbmFyeS1DQU5BUlktY2FuYXJ5LTEyMw==";

const entry = (resources: readonly string[], ...providers: readonly object[]) => ({
  resources,
  providers,
});
const secretbox = (secret = KEY) => ({ secretbox: { keys: [{ name: "key1", secret }] } });
const document = (...resources: readonly object[]) =>
  JSON.stringify({
    ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
    resources,
  });

function refusal(text: string): string {
  try {
    parseEncryptionConfig(text);
  } catch (error) {
    if (error instanceof EncryptionConfigError) return error.message;
    throw error;
  }
  return "taken";
}

describe("a configuration", () => {
  it("is read as YAML with comments and line breaks in keys, under both of its names", () => {
    const yaml = `# made by kops
kind: EncryptionConfig
apiVersion: v1
resources:
  - resources: [secrets, "*.apps"]
    providers:
      - aescbc:
          keys:
            - name: key1
              secret: |
                ${KEY}
      - kms: {apiVersion: v2, name: vault, endpoint: "unix:///run/kms.sock", timeout: 1m30s}
      - identity: {}
`;
    const [first] = parseEncryptionConfig(yaml);
    expect(first?.resources).toEqual(["secrets", "*.apps"]);
    expect(first?.providers).toEqual([
      { kind: "aescbc", keys: [{ name: "key1", secret: Buffer.from(KEY, "base64") }] },
      ...[{ kind: "kms", version: "v2", name: "vault", endpoint: "unix:///run/kms.sock" }].map(
        (kms) => ({ ...kms, timeoutMs: 90_000 }),
      ),
      { kind: "identity" },
    ]);
  });

  // What kube-apiserver 1.35 refuses too (validation_encryption.go, config.go).
  it.each([
    ["another kind", document().replace("EncryptionConfiguration", "Config"), /resources/],
    [
      "no resource",
      document(entry([], secretbox())),
      /resources\[0\]\.resources must not be empty/,
    ],
    ["no provider", document(entry(["secrets"])), /resources\[0\]\.providers must not be empty/],
    ["two in one", document(entry(["secrets"], { ...secretbox(), identity: {} })), /names 2/],
    ["none in one", document(entry(["secrets"], {})), /names 0/],
    ["identity without braces", document(entry(["secrets"], { identity: null })), /names 0/],
    ["no base64", document(entry(["secrets"], secretbox("%%%"))), /secret is not base64/],
    [
      "a short key",
      document(entry(["secrets"], secretbox("YWJj"))),
      /3 bytes long; secretbox takes 32/,
    ],
    ["a star", document(entry(["*"], secretbox())), /is '\*'/],
    ["capitals", document(entry(["Secrets"], secretbox())), /capital/],
    [
      "masked",
      document(entry(["*.*"], secretbox()), entry(["secrets"], secretbox())),
      /covered by \*\.\*/,
    ],
    [
      "an unknown field",
      document(entry(["secrets"], { aescbc: { keys: [], iv: 1 } })),
      /cannot have: iv/,
    ],
    [
      "no list",
      document(entry(["secrets"], secretbox())).replace('["secrets"]', '"secrets"'),
      /must be a list/,
    ],
    [
      "no socket",
      document(entry(["secrets"], { kms: { name: "a", endpoint: "/run/a" } })),
      /unix:\/\/\//,
    ],
    ["a number", "42", /must be a map/],
    ["nothing", "", /must be a map/],
    ["no YAML", 'kind: "x', /neither YAML nor JSON: at line 1/],
    [
      "a bomb",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
        .split("")
        .map((c, i) => `${c}: &${c} [${`*${"abcdefg"[i]},`.repeat(9)}]\n`)
        .join("")}`,
      /alias|must|is no/,
    ],
  ])("is refused for %s, naming the place", (_, text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  it("never shows a key in a refusal, wherever it was put by mistake", () => {
    const good = document(entry(["secrets"], secretbox(CANARY)));
    const mistakes = [
      good,
      good.replace('"key1"', "42"),
      good.replace('"secret"', `"${CANARY}"`),
      good.replace('"secretbox"', `"${CANARY}"`),
      good.replace('"EncryptionConfiguration"', `"${CANARY}"`),
      good.replace('"apiserver.config.k8s.io/v1"', `"${CANARY}"`),
      good.replace(`"${CANARY}"`, `["${CANARY}"]`),
      good.replace('{"name"', `"${CANARY}",{"name"`),
      good.slice(0, -4),
      `secret: ${CANARY}\n  indented: wrongly\n\tby: tab`,
      `secret: *${CANARY}`,
      `secret: !${CANARY} x`,
      `${CANARY}: 1\n${CANARY}: 2`,
      `- ${CANARY}\n-${CANARY}: [`,
      good.replace('"secrets"', `"${CANARY}"`),
      good.replace(`"secretbox":{`, `"kms":{"endpoint":"${CANARY}","name":"${CANARY}:a",`),
    ];
    for (const text of mistakes) {
      const message = refusal(text);
      expect(message).not.toBe("taken");
      expect(message).not.toContain(CANARY.slice(0, 8));
    }
  });
});

describe("the providers of a resource", () => {
  const entries = parseEncryptionConfig(
    document(
      entry(["events"], { identity: {} }),
      entry(["secrets", "pandas.bears.example"], secretbox()),
      entry(["secrets"], { identity: {} }),
      entry(["*.apps"], secretbox()),
      entry(["*."], secretbox()),
      entry(["*.*"], secretbox()),
    ),
  );
  it.each([
    ["events", "", [0]],
    ["secrets", "", [1, 2]],
    ["pandas", "bears.example", [1]],
    ["deployments", "apps", [3]],
    ["configmaps", "", [4]],
    ["leases", "coordination.k8s.io", [5]],
  ])(
    "of %s %s are those of all entries that name it, else of its group, else of everything",
    (resource, group, expected) => {
      expect(entriesFor(entries, resource, group)).toEqual(expected);
    },
  );

  it("are none where the configuration does not name it", () => {
    const secretsOnly = parseEncryptionConfig(document(entry(["secrets"], secretbox())));
    expect(entriesFor(secretsOnly, "configmaps", "")).toBeUndefined();
    expect(entriesFor(secretsOnly, "secrets", "other.example")).toBeUndefined();
  });
});
