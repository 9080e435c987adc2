/** A computer without `ssh` is told so before a VM is made. */
import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, it, vi } from "vitest";
import { vmPreflight } from "../../../components/vm/vm-preflight";
import { runtimeChecks } from "../../../scripts/commands/doctor/local";
import { temporaryDirectory } from "../../support/temporary";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const hasSsh = spawnSync("ssh", ["-V"]).error === undefined;
afterEach(() => {
  vi.unstubAllEnvs();
});
const checked = () => runtimeChecks("openstack").find(({ id }) => id === "ssh");

describe("without ssh", () => {
  it("doctor fails with what to install, and only for a VM", () => {
    vi.stubEnv("PATH", "/nonexistent");
    expect(checked()).toMatchObject({
      verdict: "fail",
      found: "there is no program ssh on this computer",
      mend: expect.stringContaining("openssh-client") as string,
    });
    expect(runtimeChecks("local").map(({ id }) => id)).not.toContain("ssh");
  });

  it("a VM is refused before anything is registered", async () => {
    const files = createWorkspace();
    const snapshot = files.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
    vi.stubEnv("PATH", "/nonexistent");
    const labDirectory = await temporaryDirectory();
    const plan = {
      snapshot,
      labDirectory,
      etcdVersion: "auto",
      etcdInstall: "apt",
      members: 1,
    } as const;
    await expect(vmPreflight(plan)).rejects.toThrow(
      /no program ssh .*apt-get install openssh-client/,
    );
    files.remove();
  });
});

it.runIf(hasSsh)("with ssh, doctor says which", () => {
  expect(checked()).toMatchObject({
    verdict: "pass",
    found: expect.stringMatching(/^OpenSSH_/) as string,
  });
});
