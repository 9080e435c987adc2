import { execFileSync } from "node:child_process";
import { X509Certificate, createPrivateKey } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePki } from "../../../machine/pki/pki";
import type { Pki } from "../../../machine/pki/pki-texts";
import { makeFolder, removeFolder, run } from "../lab";
import { TYPESCRIPT } from "../../support/typescript";

const SCRIPT = path.join(__dirname, "..", "..", "..", "scripts", "steps", "make-pki.ts");
const DAY = 24 * 3600 * 1000;

let folder: string;
let pki: Pki;

beforeAll(async () => {
  folder = makeFolder();
  pki = await makePki({ addresses: ["192.0.2.7", "2001:db8::7"], dnsNames: ["etcd.example"] });
  for (const [name, pem] of Object.entries<string>({ ...pki }))
    fs.writeFileSync(path.join(folder, name), pem);
});

afterAll(() => {
  removeFolder(folder);
});

const openssl = (...args: readonly string[]): string =>
  execFileSync("openssl", args, { cwd: folder, encoding: "utf8", stdio: "pipe" });

describe("the certificates", () => {
  it.each([
    ["server", "sslserver"],
    ["server", "sslclient"], // etcd's own gateway dials the server with it
    ["peer", "sslserver"],
    ["peer", "sslclient"],
    ["client", "sslclient"],
  ])("openssl accepts the one of the %s as %s, by its strict rules", (which, purpose) => {
    const said = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca", which);
    expect(said).toBe(`${which}: OK\n`);
  });

  it("the client's is none of a server", () => {
    expect(() => openssl("verify", "-purpose", "sslserver", "-CAfile", "ca", "client")).toThrow();
  });

  it("a set of another run is not accepted", async () => {
    const other = await makePki({ addresses: [], dnsNames: [] });
    fs.writeFileSync(path.join(folder, "stranger"), other.client);
    expect(() => openssl("verify", "-CAfile", "ca", "stranger")).toThrow();
  });

  it("name where the server is dialled, and this machine itself", () => {
    for (const which of ["server", "peer"] as const) {
      expect(new X509Certificate(pki[which]).subjectAltName?.split(", ").sort()).toEqual(
        [
          "DNS:etcd.example",
          "DNS:localhost",
          "IP Address:127.0.0.1",
          "IP Address:192.0.2.7",
          "IP Address:2001:DB8:0:0:0:0:0:7",
          "IP Address:0:0:0:0:0:0:0:1",
        ].sort(),
      );
    }
    expect(new X509Certificate(pki.client).subject).toBe("CN=etcd-restore");
  });

  it("are valid since a day ago and for ten years, P-256, each with a serial number of its own", () => {
    const all = [pki.ca, pki.server, pki.peer, pki.client].map((pem) => new X509Certificate(pem));
    for (const certificate of all) {
      expect(Math.abs(Date.parse(certificate.validFrom) - (Date.now() - DAY))).toBeLessThan(60_000);
      expect(Math.abs(Date.parse(certificate.validTo) - (Date.now() + 3650 * DAY))).toBeLessThan(
        60_000,
      );
      expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    }
    expect(new Set(all.map(({ serialNumber }) => serialNumber)).size).toBe(4);
  });

  it("come with the keys that belong to them, and without the CA's", () => {
    for (const which of ["server", "peer", "client", "root"] as const) {
      const key = createPrivateKey(pki[`${which}Key`]);
      expect(new X509Certificate(pki[which]).checkPrivateKey(key)).toBe(true);
    }
    const ca = new X509Certificate(pki.ca);
    const keys = Object.values(pki).filter((pem) => pem.includes("PRIVATE KEY"));
    expect(keys).toHaveLength(4);
    expect(keys.some((pem) => ca.checkPrivateKey(createPrivateKey(pem)))).toBe(false);
  });

  it("are refused for what is no address and no name", async () => {
    await expect(makePki({ addresses: ["etcd.example"], dnsNames: [] })).rejects.toThrow(
      '"etcd.example" is no IP address',
    );
    await expect(makePki({ addresses: [], dnsNames: ["a b"] })).rejects.toThrow("no DNS name");
  });
});

describe("scripts/steps/make-pki.ts", () => {
  const argv = [process.execPath, "--require", TYPESCRIPT, SCRIPT] as const;

  it("prints one JSON and nothing else", async () => {
    const input = JSON.stringify({ addresses: ["192.0.2.7"], dnsNames: [] });
    const ended = await run([...argv], { input });
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(Object.keys(JSON.parse(ended.stdout) as Pki).sort()).toEqual(Object.keys(pki).sort());
  });

  it.each([
    ["no JSON", "", "stdin must be one JSON object"],
    ["a wrong address", '{"addresses":["x"],"dnsNames":[]}', "addresses.0"],
  ])("exits 2 and says what is wrong with %s", async (_what, input, says) => {
    const ended = await run([...argv], { input });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).not.toContain("    at ");
  });
});
