/** The state file: its form, its secrets, and what happens when it is not as it should be. */
import { execFileSync } from "node:child_process";
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { stackFiles } from "../../../engine/embedded/files";
import { keptKeyOf } from "../../../engine/embedded/kept-key";
import { openCrypter } from "../../../engine/embedded/passphrase";
import type { ResourceState } from "../../../engine/embedded/state-file";
import { nameOf } from "../../../engine/embedded/urn";
import { secret } from "../../../engine/embedded/values";
import { stderrOf, testStack } from "../support";
import { fakeStack } from "./fake-stack";

interface StateDocument {
  readonly version: number;
  readonly deployment: {
    readonly manifest: { readonly time: string; readonly magic: string; readonly version: string };
    readonly secrets_providers: {
      readonly type: string;
      readonly state: { readonly salt: string };
    };
    readonly resources: readonly ResourceState[];
    readonly pending_operations: readonly unknown[];
    readonly metadata: object;
  };
}

/** The rules by which Pulumi takes a snapshot for sound (pulumi/pulumi `pkg/resource/deploy/snapshot.go`, `VerifyIntegrity`). */
function brokenRules(resources: readonly ResourceState[]): readonly string[] {
  const seen = new Set<string>();
  const providers = new Set<string>();
  const broken: string[] = [];
  for (const resource of resources) {
    const { urn, type, id, custom, provider, parent, dependencies, propertyDependencies } =
      resource;
    if (type.startsWith("pulumi:providers:")) providers.add(`${urn}::${id}`);
    if (provider !== undefined && !providers.has(provider))
      broken.push(`${urn}: provider ${provider}`);
    if (!custom && id !== undefined) broken.push(`${urn}: a component with an id`);
    if (custom && (id ?? "") === "") broken.push(`${urn}: no id`);
    const needed = [
      parent ?? [],
      dependencies ?? [],
      Object.values(propertyDependencies ?? {}),
    ].flat(3);
    for (const other of needed)
      if (!seen.has(other)) broken.push(`${urn}: ${other} is missing or later`);
    if (seen.has(urn) && resource.delete !== true) broken.push(`${urn}: twice`);
    seen.add(urn);
  }
  return broken;
}

describe("the state of a stack", () => {
  it("has the form that `pulumi stack import` takes, secrets sealed, for the owner alone", async () => {
    const stack = await testStack("chain");
    const output = await stderrOf(async () => {
      const result = await stack.engine({}, { progress: "lines" }).up();
      expect(result.ok).toBe(true);
    });
    const files = stackFiles(stack.workDir, "test");
    const text = fs.readFileSync(files.state, "utf8");
    const { version, deployment } = JSON.parse(text) as StateDocument;

    expect(version).toBe(3);
    expect(deployment.manifest.magic).toBe(
      crypto.createHash("sha256").update(deployment.manifest.version).digest("hex"),
    );
    expect(deployment.secrets_providers.type).toBe("passphrase");
    expect(deployment.pending_operations).toEqual([]);
    expect(brokenRules(deployment.resources)).toEqual([]);
    expect(deployment.resources.map(({ urn }) => nameOf(urn))).toEqual([
      "chain-test",
      "chain",
      "default_1_2_1",
      "first",
      "second",
      "third",
      "fourth",
      "fifth",
    ]);

    for (const file of [files.state, files.key, files.passphrase]) {
      expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(fs.statSync(stack.workDir).mode & 0o777).toBe(0o700);
    expect(fs.readdirSync(stack.workDir).sort()).toEqual([
      "room",
      "test.key",
      "test.passphrase",
      "test.state.json",
    ]);

    expect(output + text).not.toContain("hunter2");
    const crypter = await openCrypter(
      fs.readFileSync(files.passphrase, "utf8").trim(),
      deployment.secrets_providers.state.salt,
    );
    const fourth = deployment.resources.find(({ urn }) => nameOf(urn) === "fourth");
    const sealed = fourth?.outputs?.stdout as { readonly ciphertext: string };
    expect(JSON.parse(crypter.decrypt(sealed.ciphertext))).toBe("token hunter2secret");
    expect(fourth?.additionalSecretOutputs).toEqual(["stdout"]);
  }, 120_000);

  it("is not written when nothing has changed, and is gone after destroy", async () => {
    const stack = await fakeStack();
    const program = async (register: Parameters<Parameters<typeof stack.up>[0]>[0]) => {
      await register("a", { inputs: { word: secret("never to be seen") } });
      await register("b");
    };
    await stack.up(program);
    const { state, passphrase } = stackFiles(stack.options.workDir, "test");
    const before = fs.readFileSync(state, "utf8");
    expect(before).not.toContain("never to be seen");

    await stack.up(program);
    expect(fs.readFileSync(state, "utf8")).toBe(before);

    await stack.destroy();
    expect([state, passphrase].filter((file) => fs.existsSync(file))).toEqual([]);
    expect(fs.readdirSync(stack.options.workDir)).toEqual([]);
  });

  it("damaged is refused by name, and not written over", async () => {
    const stack = await fakeStack();
    await stack.up((register) => register("a"));
    const { state } = stackFiles(stack.options.workDir, "test");
    const whole = fs.readFileSync(state, "utf8");
    for (const damaged of [whole.slice(0, -20), whole.replace('"version": 3', '"version": 4')]) {
      fs.writeFileSync(state, damaged);
      await expect(stack.up((register) => register("b"))).rejects.toThrow(
        `the state file ${state} cannot be read`,
      );
      expect(fs.readFileSync(state, "utf8")).toBe(damaged);
    }
  });

  it("of another passphrase is refused, and says what to set", async () => {
    const stack = await fakeStack();
    const program = (register: Parameters<Parameters<typeof stack.up>[0]>[0]) =>
      register("a", { inputs: { word: secret("something") } });
    await stack.up(program);
    fs.writeFileSync(stackFiles(stack.options.workDir, "test").passphrase, "another one\n");

    await expect(stack.up(program)).rejects.toThrow(
      /the passphrase is not the one that this state was written with .*set PULUMI_CONFIG_PASSPHRASE/,
    );
  });

  it("is opened with the key that was kept, and without one that is none of it", async () => {
    const stack = await fakeStack();
    const program = (register: Parameters<Parameters<typeof stack.up>[0]>[0]) =>
      register("a", { inputs: { word: secret("something") } });
    await stack.up(program);
    const files = stackFiles(stack.options.workDir, "test");
    const kept = fs.readFileSync(files.key, "utf8");
    const { salt } = (JSON.parse(fs.readFileSync(files.state, "utf8")) as StateDocument).deployment
      .secrets_providers.state;
    const find = () => Buffer.from(kept.split(" ")[1] ?? "", "base64");
    const keep = () => expect.unreachable("a key that is found is not derived");
    await openCrypter("not asked", salt, { find, keep });
    // A key is that of its own passphrase.
    const other = openCrypter("another one", salt, keptKeyOf(files, "another one", true));
    await expect(other).rejects.toThrow("the passphrase is not the one");

    const [origin] = kept.split(" ");
    for (const wrong of ["", "no key", `${origin} ${Buffer.alloc(32).toString("base64")}`]) {
      fs.writeFileSync(files.key, wrong);
      await stack.up(program);
      expect(fs.readFileSync(files.key, "utf8")).toBe(kept);
    }
  });

  it("shares its key with the other new ones of its process, and each is opened with its own files alone", async () => {
    const passphraseAndSalt = async () => {
      const stack = await fakeStack();
      await stack.up((register) => register("a", { inputs: { word: secret("something") } }));
      const files = stackFiles(stack.options.workDir, "test");
      const { deployment } = JSON.parse(fs.readFileSync(files.state, "utf8")) as StateDocument;
      const { salt } = deployment.secrets_providers.state;
      const passphrase = fs.readFileSync(files.passphrase, "utf8").trim();
      const crypter = await openCrypter(passphrase, salt);
      const word = deployment.resources.at(-1)?.inputs?.word as { readonly ciphertext: string };
      expect(JSON.parse(crypter.decrypt(word.ciphertext))).toBe("something");
      return { key: [passphrase, salt.split(":")[1]], word: word.ciphertext };
    };
    const [one, another] = [await passphraseAndSalt(), await passphraseAndSalt()];
    expect(one.key).toEqual(another.key);
    expect(one.word, "each secret has a nonce of its own").not.toBe(another.word);
  });

  it("of a passphrase that is not here gets no other one, and what the message says to do works", async () => {
    const stack = await testStack("chain");
    const files = stackFiles(stack.workDir, "test");
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "the right one");
    expect((await stack.engine().up()).ok).toBe(true);

    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", undefined);
    await expect(stack.engine().up()).rejects.toThrow(
      /the passphrase that this state was written with is not here .*set PULUMI_CONFIG_PASSPHRASE/,
    );
    expect(fs.existsSync(files.passphrase), "no new one").toBe(false);
    expect(fs.existsSync(files.key), "no key of the user's own passphrase").toBe(false);
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "a wrong one");
    await expect(stack.engine().up()).rejects.toThrow("the passphrase is not the one");

    // Also where an older release has left a wrong one.
    fs.writeFileSync(files.passphrase, "a wrong one\n");
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "the right one");
    expect(await stack.engine().up()).toMatchObject({ ok: true, changes: { same: 7 } });
  }, 120_000);

  it("takes the passphrase of PULUMI_CONFIG_PASSPHRASE, and then keeps none", async () => {
    const before = process.env.PULUMI_CONFIG_PASSPHRASE;
    onTestFinished(() => {
      if (before === undefined) delete process.env.PULUMI_CONFIG_PASSPHRASE;
      else process.env.PULUMI_CONFIG_PASSPHRASE = before;
    });
    process.env.PULUMI_CONFIG_PASSPHRASE = "correct horse";
    const stack = await fakeStack();
    await stack.up((register) => register("a", { inputs: { word: secret("something") } }));

    expect(fs.readdirSync(stack.options.workDir).sort()).toEqual(["room", "test.state.json"]);
    const { deployment } = JSON.parse(
      fs.readFileSync(stackFiles(stack.options.workDir, "test").state, "utf8"),
    ) as StateDocument;
    await expect(
      openCrypter("correct horse", deployment.secrets_providers.state.salt),
    ).resolves.toBeDefined();
    await expect(
      openCrypter("wrong horse", deployment.secrets_providers.state.salt),
    ).rejects.toThrow("the passphrase is not the one");
  });

  it("seals as Pulumi does: openssl derives the same key from passphrase and salt", async () => {
    const crypter = await openCrypter("pass");
    const [, salt = ""] = crypter.salt.split(":");
    const key = execFileSync("openssl", [
      ...["kdf", "-keylen", "32", "-kdfopt", "digest:SHA256", "-kdfopt", "pass:pass"],
      ...[
        "-kdfopt",
        `hexsalt:${Buffer.from(salt, "base64").toString("hex")}`,
        "-kdfopt",
        "iter:1000000",
      ],
      "-binary",
      "PBKDF2",
    ]);
    const [, nonce = "", body = ""] = crypter.encrypt('"word"').split(":");
    const sealed = Buffer.from(body, "base64");
    const decipher = crypto.createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
    decipher.setAuthTag(sealed.subarray(-16));
    const text =
      decipher.update(sealed.subarray(0, -16), undefined, "utf8") + decipher.final("utf8");
    expect(text).toBe('"word"');
  });
});
