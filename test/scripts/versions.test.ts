import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json";

const ROOT = join(__dirname, "../..");

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
}

/** What the project is built on. Another version is a decision, not an accident. */
const GIVEN = {
  "@pulumi/pulumi": "3.248.0",
  "@pulumi/command": "1.2.1",
  "@pulumi/openstack": "3.15.2",
  etcd3: "1.1.2",
  vitest: /^4\.1\.\d+$/,
} as const;

const asked: Readonly<Record<string, string>> = {
  ...manifest.dependencies,
  ...manifest.devDependencies,
};
const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

/** The version in the package's own package.json; Pulumi writes a `v` before some. */
function installed(name: string): string {
  const file = join(ROOT, "node_modules", name, "package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string };
  return version.replace(/^v/, "");
}

describe("versions", () => {
  it.each(Object.entries(GIVEN))("%s is %s: asked for, locked and installed", (name, version) => {
    const matches = typeof version === "string" ? new RegExp(`^${version}$`) : version;
    expect(asked[name]).toMatch(matches);
    expect(lock.packages[`node_modules/${name}`]?.version).toMatch(matches);
    expect(installed(name)).toMatch(matches);
  });

  it("are asked for exactly, of every package", () => {
    for (const [name, version] of Object.entries(asked)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  it("are locked with the sum of what is downloaded, and from nowhere but the npm registry", () => {
    for (const [path, { resolved, integrity }] of Object.entries(lock.packages)) {
      if (path === "") continue;
      expect(integrity, path).toMatch(/^sha512-/);
      if (resolved !== undefined)
        expect(resolved, path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    }
  });
});
