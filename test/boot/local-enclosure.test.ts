import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEnclosure } from "../../boot/local-enclosure";
import { temporaryDirectory } from "../support/temporary";

const signal = new AbortController().signal;

describe("an enclosure", () => {
  it("has no network but a loopback of its own, where the system allows that", async () => {
    const place = await openEnclosure(join(await temporaryDirectory(), "clones"), signal);
    try {
      await place.run("devices", ["cat", "/proc/net/dev"]);
      const devices = (await place.lastLines("devices", 100))
        .flatMap((line) => /^\s*(\w+):/.exec(line)?.[1] ?? [])
        .filter((name) => name !== "lo");
      if (place.isolation.network === "namespace") expect(devices).toEqual([]);
      else expect(place.isolation.reason).toMatch(/\S/);
    } finally {
      await place.close();
    }
  });

  it("starts, ends and tells of programs, and nothing of it is left", async () => {
    const base = join(await temporaryDirectory(), "clones");
    const place = await openEnclosure(base, signal);
    const other = await openEnclosure(base, signal);
    expect(existsSync(place.folder), "another run leaves it alone").toBe(true);
    await other.close();
    try {
      await place.start("sleeper", ["sleep", "1000"]);
      expect(place.ended("sleeper")).toBeUndefined();
      await place.stop("sleeper");
      expect(place.ended("sleeper")).toBe("signal SIGTERM");
      await place.stop("sleeper");
      await expect(place.run("shell", ["sh", "-c", "echo what is wrong; exit 7"])).rejects.toThrow(
        "shell ended with exit code 7: what is wrong",
      );
      await expect(place.start("nothing", ["/no/such/program"])).rejects.toThrow("ENOENT");
      expect(await place.freePort()).toBeGreaterThan(0);
      const environment = ["sh", "-c", "env"];
      await place.run("environment", environment);
      const text = readFileSync(join(place.folder, "environment.log"), "utf8");
      expect(text).not.toContain("ETCD_RESTORE");
    } finally {
      await place.close();
    }
    expect(existsSync(base)).toBe(false);
  });

  it("is refused where a folder is not ours, or its path is too long for a socket", async () => {
    const folder = await temporaryDirectory();
    const long = join(folder, "x".repeat(90));
    await expect(openEnclosure(long, signal)).rejects.toThrow("may have 80 bytes");
    await expect(openEnclosure("/usr", signal)).rejects.toThrow("was not made by etcd-restore");
  });
});
