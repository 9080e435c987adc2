/** What is in the package that `npm pack` makes. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { timeLimit } from "../support/time-limit.cjs";
import { tarball } from "./foreign-project";

const ROOT = path.join(__dirname, "..", "..");

let files: readonly string[];

beforeAll(async () => {
  files = execFileSync("tar", ["tzf", await tarball()], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^package\//, ""));
}, timeLimit(180_000));

describe("the package", () => {
  it("holds no test, no lab, no source, and nothing of this checkout's own", () => {
    const rooms = new Set(files.map((file) => file.split("/").slice(0, 2).join("/")));
    for (const room of ["test", "labs", "bench", "examples", ".lab", ".tools", "node_modules"]) {
      expect(rooms, room).not.toContain(room);
      expect(rooms, room).not.toContain(`dist/${room}`);
    }
    expect(files.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))).toEqual([]);
    expect(files.filter((file) => file.startsWith("dist/scripts/tools/"))).toEqual([]);
  });

  it("holds what is read or started when it runs", () => {
    const tracked = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).split("\n");
    const needed = tracked.filter(
      (file) =>
        /^(boot|components|engine|etcd|evidence|files|machine|openstack|settings|sources)\//.test(
          file,
        ) &&
        /\.(sh|cjs|json|wasm|mod|sum)$/.test(file) &&
        !file.endsWith("asconfig.json"),
    );
    expect(needed.length).toBeGreaterThan(30);
    for (const file of needed) expect(files).toContain(`dist/${file}`);
    const others = ["dist/Pulumi.yaml", "dist/Pulumi.local.yaml", "dist/sample.db"];
    for (const file of [...others, "scripts/etcd-restore.cjs", "README.md", "LICENSE"]) {
      expect(files).toContain(file);
    }
  });

  it("holds every step that a component names", () => {
    const steps = fs
      .readdirSync(path.join(ROOT, "components"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => {
        const text = fs.readFileSync(path.join(ROOT, "components", file), "utf8");
        return [...text.matchAll(/scriptCommand\(\s*"([^"]+)"/g)].map(([, step]) => step);
      });
    expect(steps.length).toBeGreaterThan(5);
    for (const step of steps) expect(files).toContain(`dist/scripts/${step ?? ""}.js`);
  });

  it("exports what is there, with its types", () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
    };
    const named = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    expect(named).toHaveLength(5);
    for (const file of named) expect(files).toContain(file.replace(/^\.\//, ""));
  });
});
