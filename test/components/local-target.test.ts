/**
 * The components of the local target, under mocks: what each registers, with which inputs, in which order, and which
 * of it is secret. Not proved here: that the commands work (test/acceptance), and what the engines make of them.
 */
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import type { Backup } from "../../components/backup";
import { LocalEtcd } from "../../components/local-etcd";
import { Pki } from "../../components/pki";
import { printedBy } from "../../components/printed";
import { SnapshotRestore } from "../../components/restore/snapshot-restore";
import { Verification, type VerificationArgs } from "../../components/verification";
import { Pki as PkiTexts } from "../../machine/pki/pki-texts";
import { mockEngine, secretValue, valueOf } from "../support/mock-engine";

const COMMAND = "command:local:Command";
const FILES = {
  ca: "CA",
  server: "SERVER",
  serverKey: "SERVER-KEY",
  peer: "PEER",
  peerKey: "PEER-KEY",
  client: "CLIENT",
  clientKey: "CLIENT-KEY",
  root: "ROOT",
  rootKey: "ROOT-KEY",
};
const INSTALLED = {
  programs: "/lab/etcd/bin",
  environmentFile: "/lab/etcd/etcd.env",
  nextPrograms: "/lab/etcd/next.bin",
  nextEnvironmentFile: "/lab/etcd/next.env",
  certificateDirectory: "/lab/etcd/tls",
  settings: "settings 1",
  service: "'bash' 'service.sh'",
  dataDirectory: "/lab/etcd/data",
  version: "3.6.16",
  endpoint: "https://127.0.0.1:4001",
  seconds: 1.5,
};
const RESTORED = {
  restored: true,
  revision: 482,
  restoredAt: "2026-11-22T03:00:00Z",
  seconds: { check: 1, restore: 2, prove: 3, start: 4 },
};
const SERVED = {
  ...{ endpoint: "https://127.0.0.1:4001", revision: 482, compactRevision: 424, keys: 337 },
  ...{ hashKv: 1992026518, etcdVersion: "3.6.16", clusterId: "c1" },
};
const REPORT = { verdict: "pass", restored: SERVED, checks: ["not shown in the stack"] };
const BACKUP: Backup = {
  file: "/backups/it's mine.db",
  plainFile: "/backups/it's mine.db",
  sha256: "8f94",
  bytes: 1000,
  revision: 482,
  compactRevision: 424,
  keys: 337,
  hashKv: 1992026518,
  etcdVersion: "3.6.0",
  servedBy: "3.6",
  authentication: false,
};

/** A mock engine whose commands print what our scripts print. */
function engineWithScripts(preview = false) {
  const printed: Readonly<Record<string, unknown>> = {
    "pki-certificates": FILES,
    "etcd-installation": INSTALLED,
    "restore-snapshot": RESTORED,
    "bump-snapshot": RESTORED,
    "verification-proof": REPORT,
  };
  return mockEngine({
    preview,
    outputs: preview
      ? {}
      : { [COMMAND]: (_inputs, name) => ({ stdout: JSON.stringify(printed[name] ?? {}) }) },
  });
}

function local(): LocalEtcd {
  return new LocalEtcd("etcd", {
    directory: "/lab/etcd",
    etcdVersion: "3.6",
    clientPort: 4001,
    peerPort: 4002,
    backupBytes: 1000,
    pki: FILES,
    instanceId: "start 1",
  });
}

test("Pki keeps every key a secret, prints none, and gives the certificates in clear", async () => {
  const engine = await engineWithScripts();
  const pki = new Pki("pki", { addresses: ["127.0.0.1"], clientDirectory: "/lab/client" });
  await engine.settled();

  const certificates = engine.named("pki-certificates");
  expect(certificates.inputs).toMatchObject({
    create: "node --require ./engine/typescript.cjs scripts/steps/make-pki.ts",
    stdin: '{"addresses":["127.0.0.1"],"dnsNames":[]}',
    logging: "none",
  });
  expect(certificates.options.additionalSecretOutputs).toEqual(["stdout", "stderr"]);
  expect(certificates.inputs).not.toHaveProperty("delete");

  const files = engine.named("pki-client-files");
  expect(JSON.parse(String(secretValue(files.inputs.stdin)))).toEqual({
    ca: "CA",
    certificate: "CLIENT",
    key: "CLIENT-KEY",
  });
  expect(files.options.deleteBeforeReplace, "or its delete would take the new files").toBe(true);
  expect(files.typeChain).toBe(`etcd-restore:index:Pki$${COMMAND}`);

  expect(await valueOf(pki.caCertificate)).toBe("CA");
  expect(await valueOf(pki.clientCertificate)).toBe("CLIENT");
  expect(await pulumi.isSecret(pki.caCertificate)).toBe(false);
  expect(await pulumi.isSecret(pki.clientKey)).toBe(true);
  expect(await pulumi.isSecret(pki.files)).toBe(true);
  expect(engine.ofType(COMMAND)).toHaveLength(2);
});

test("LocalEtcd hands its keys over by stdin, as a secret, and takes only what a server needs", async () => {
  const engine = await engineWithScripts();
  const etcd = local();
  await engine.settled();

  const { inputs, options } = engine.named("etcd-installation");
  const request = JSON.parse(String(secretValue(inputs.stdin))) as Record<string, unknown>;
  expect(request).toEqual({
    directory: "/lab/etcd",
    etcdVersion: "3.6",
    name: "etcd",
    clientPort: 4001,
    peerPort: 4002,
    snapshotBytes: 1000,
    certificates: {
      ca: "CA",
      server: "SERVER",
      serverKey: "SERVER-KEY",
      peer: "PEER",
      peerKey: "PEER-KEY",
      root: "ROOT",
      rootKey: "ROOT-KEY",
    },
  });
  expect(inputs.create).toBe(
    "node --require ./engine/typescript.cjs scripts/steps/local-etcd.ts install",
  );
  expect(inputs.delete).toBe(
    "node --require ./engine/typescript.cjs scripts/steps/local-etcd.ts remove /lab/etcd",
  );
  expect(options.deleteBeforeReplace).toBe(true);
  expect(JSON.stringify([inputs.create, inputs.delete])).not.toContain("KEY");
  expect(await valueOf(etcd.etcdctl("/lab/client"))).toBe(
    "/lab/etcd/bin/etcdctl --endpoints=https://127.0.0.1:4001 --cacert=/lab/client/ca.crt " +
      "--cert=/lab/client/client.crt --key=/lab/client/client.key",
  );
});

test("SnapshotRestore runs anew for another backup, machine, setting of etcd or bump to come, and for nothing else", async () => {
  const engine = await engineWithScripts();
  const restore = new SnapshotRestore("restore", { backup: BACKUP, machines: [local().machine] });
  await engine.settled();

  const { inputs, options } = engine.named("restore-snapshot");
  expect(inputs.triggers).toEqual(["8f94", "start 1", "settings 1", 0]);
  expect(options.replaceOnChanges).toEqual(["triggers[*]"]);
  expect(options.dependencies).toEqual(["etcd-installation"]);
  expect(inputs.create).toBe(
    `bash machine/restore/restore.sh --snapshot '/backups/it'\\''s mine.db' --sha256 8f94 --revision 482 ` +
      "--compact-revision 424 --hashkv 1992026518 --environment /lab/etcd/etcd.env " +
      "--programs /lab/etcd/bin --next-environment /lab/etcd/next.env --next-programs /lab/etcd/next.bin " +
      "--root-certificate /lab/etcd/tls/root.crt --root-key /lab/etcd/tls/root.key " +
      `--service ''\\''bash'\\'' '\\''service.sh'\\'''`,
  );
  expect(inputs, "the old data is not the new restore's to delete").not.toHaveProperty("delete");
  expect(await valueOf(restore.seconds)).toEqual({ copy: undefined, restore: 6, start: 4 });
});

test("a backup that is to be bumped is restored and proved as it is first; the bump's own proof leaves the report", async () => {
  const engine = await engineWithScripts();
  const { machine } = local();
  const bumped = { ...BACKUP, revision: 1482, compactRevision: 1482, hashKv: 7, bumpedBy: 1000 };
  new SnapshotRestore("restore", { backup: { ...BACKUP, bumped }, machines: [machine] });
  new SnapshotRestore("bump", { backup: bumped, machines: [machine] });
  new Verification("verification", { ...PROOF, backup: bumped, ownsReport: false });
  await engine.settled();

  expect(engine.named("restore-snapshot").inputs.triggers).toEqual([
    "8f94",
    "start 1",
    "settings 1",
    1000,
  ]);
  expect(engine.named("restore-snapshot").inputs.create).not.toContain("--bump");
  expect(engine.named("bump-snapshot").inputs.create).toContain(
    "--revision 1482 --compact-revision 1482 --hashkv 7 --bump 1000",
  );
  const { inputs } = engine.named("verification-proof");
  expect(inputs.create).toContain("--bumped 1000");
  expect(inputs).not.toHaveProperty("delete");
});

const PROOF: VerificationArgs = {
  backup: BACKUP,
  endpoints: ["https://127.0.0.1:4001"],
  clientDirectory: "/lab/client",
  level: "full",
  restored: "restored once",
  reportDirectory: "/lab",
};

test("Verification is made once for each restore, and its report is the only thing that it deletes", async () => {
  const engine = await engineWithScripts();
  const proof = new Verification("verification", {
    ...PROOF,
    expectedKeys: ["/registry/pods/"],
    restoredAt: "2026-11-22T03:00:00Z",
    phases: { restore: 6 },
  });
  await engine.settled();

  const { inputs, options } = engine.named("verification-proof");
  expect(inputs.create).toBe(
    "node --require ./engine/typescript.cjs scripts/etcd-restore.ts verify --json --file '/backups/it'\\''s mine.db' --level full " +
      "--endpoint https://127.0.0.1:4001 --cacert /lab/client/ca.crt --cert /lab/client/client.crt " +
      "--key /lab/client/client.key --expect /registry/pods/ --restored-at 2026-11-22T03:00:00Z " +
      "--phase restore=6 --for-stack test --report /lab",
  );
  expect(inputs.delete).toMatch(/^rm -f -- \/lab\/report\.json( \/lab\/report\.\w+)*$/);
  expect(inputs.triggers).toEqual(["restored once", "full", ["/registry/pods/"], ""]);
  expect(inputs.logging, "its stdout is the report").toBe("stderr");
  expect(inputs).not.toHaveProperty("stdin");
  expect(options.deleteBeforeReplace).toBe(true);
  expect(await valueOf(proof.verdict)).toBe("pass");
  expect(await valueOf(proof.restored)).toEqual(SERVED);
  expect(await valueOf(proof.reportFile)).toBe("/lab/report.json");
});

test("what serves is compared with the version that was wished for, where one was", async () => {
  const engine = await engineWithScripts();
  new Verification("verification", { ...PROOF, etcdVersion: "3.7" });
  await engine.settled();
  expect(engine.named("verification-proof").inputs.create).toContain(" --etcd-version 3.7 ");
});

test("a kube-apiserver comes up on a clone where that was asked for, with the programs that were named", async () => {
  const asked = async (kubernetes: string) => {
    const engine = await engineWithScripts();
    new Verification("verification", { ...PROOF, kubernetes, etcdPrograms: "/opt/etcd" });
    await engine.settled();
    return engine.named("verification-proof").inputs;
  };
  const { create, triggers } = await asked("auto");
  expect(create).toContain(" --kubernetes auto --etcd-programs /opt/etcd ");
  expect(triggers, "it is proved again when that changes").toContain("auto");
  expect((await asked("off")).create).not.toMatch(/--kubernetes|--etcd-programs/);
});

test("a password goes by stdin, as a secret, and never on the command line", async () => {
  const engine = await engineWithScripts();
  new Verification("verification", {
    ...PROOF,
    credentials: { username: "root", password: "hunter2" },
  });
  await engine.settled();
  const { inputs } = engine.named("verification-proof");
  expect(secretValue(inputs.stdin)).toBe('{"password":"hunter2"}');
  expect(inputs.create).toContain("--user root --access-stdin");
  expect(inputs.create).not.toContain("hunter2");
});

test("a store with authentication on is asked by root's certificate, which goes by stdin, unless a user is named", async () => {
  const root = { certificate: "ROOT", key: "ROOT-KEY" };
  const on = { ...PROOF, backup: { ...BACKUP, authentication: true }, root };
  const credentials = { username: "root", password: "hunter2" };
  const asked = async (args: VerificationArgs) => {
    const engine = await engineWithScripts();
    new Verification("verification", args);
    await engine.settled();
    return engine.named("verification-proof").inputs;
  };
  const byCertificate = await asked(on);
  expect(secretValue(byCertificate.stdin)).toBe('{"certificate":"ROOT","key":"ROOT-KEY"}');
  expect(byCertificate.create).toContain(" --access-stdin ");
  expect(byCertificate.create).not.toContain("ROOT");
  expect(secretValue((await asked({ ...on, credentials })).stdin)).toBe('{"password":"hunter2"}');
  expect(await asked({ ...PROOF, root }), "off: the user's own is proved").not.toHaveProperty(
    "stdin",
  );
});

test("what a script printed that is not its form is refused by name, without what it was", () => {
  expect(() => printedBy("make-pki", PkiTexts, '{"ca":"CA","serverKey":5}')).toThrow(
    /^make-pki printed something else than is expected.*server: .*serverKey: /,
  );
  expect(() => printedBy("make-pki", PkiTexts, "PRIVATE KEY")).toThrow(
    /^make-pki did not print one JSON$/,
  );
});

test("in a preview, where no script has printed anything yet, all of it can be planned", async () => {
  const engine = await engineWithScripts(true);
  const pki = new Pki("pki", { addresses: ["127.0.0.1"], clientDirectory: "/lab/client" });
  const etcd = new LocalEtcd("etcd", {
    directory: "/lab/etcd",
    etcdVersion: "3.6",
    clientPort: 4001,
    peerPort: 4002,
    backupBytes: 1000,
    pki: pki.files,
    instanceId: "start 1",
  });
  const restore = new SnapshotRestore("restore", { backup: BACKUP, machines: [etcd.machine] });
  new Verification("verification", { ...PROOF, restored: restore.result });
  await engine.settled();
  expect(engine.ofType(COMMAND).map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "pki-certificates",
      "pki-client-files",
      "etcd-installation",
      "restore-snapshot",
      "verification-proof",
    ]),
  );
  expect(engine.ofType(COMMAND)).toHaveLength(5);
});
