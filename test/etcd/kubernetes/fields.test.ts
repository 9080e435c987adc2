import { execFileSync, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import table from "../../../etcd/kubernetes/fields.json";
import { messageNamed, messageOfKind } from "../../../etcd/kubernetes/messages";
import { specialMessages } from "../../../etcd/kubernetes/special";

const ROOT = resolve(__dirname, "../../..");

describe("fields.json", () => {
  it("has a message for every kind, and for every type of a field", () => {
    const groups = Object.entries(table.groups);
    expect(groups.length).toBeGreaterThan(50);
    for (const [apiVersion, line] of groups) {
      for (const kind of line.split(" ").slice(1)) {
        expect(messageOfKind(apiVersion, kind)?.fields[0]?.name, `${apiVersion} ${kind}`).toBe(
          "metadata",
        );
      }
    }
    for (const name of Object.keys(table.messages)) {
      for (const field of messageNamed(name).fields) {
        if (field.isMessage && !specialMessages.has(field.type)) {
          expect(messageNamed(field.type).name).toBe(field.type);
        }
      }
    }
  });

  it("does not take a part of an object for a kind", () => {
    expect(messageOfKind("v1", "PodSpec")).toBeUndefined();
    expect(messageOfKind("v2", "Pod")).toBeUndefined();
  });

  it("names its source and licence", () => {
    expect(table.about).toMatch(/The Kubernetes Authors, Apache License 2\.0/);
  });

  it("is what the published modules give", { timeout: 120_000 }, ({ skip }) => {
    const versions = new Set(
      Object.keys(table.modules).map((module) => module.split("@v")[1] ?? ""),
    );
    const oldestFirst = [...versions].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const inCache = Object.keys(table.modules).every((module) => {
      const { status } = spawnSync("go", ["mod", "download", "-json", module], {
        cwd: tmpdir(),
        env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off", GOPROXY: "off" },
      });
      return status === 0;
    });
    if (!inCache) skip("Go or its cached modules are missing; `npm run check` downloads them");
    execFileSync(
      process.execPath,
      [
        "--require",
        "./engine/typescript.cjs",
        "scripts/tools/make-kubernetes-fields.ts",
        ...oldestFirst,
        "--check",
      ],
      { cwd: ROOT, stdio: "pipe" },
    );
  });
});
