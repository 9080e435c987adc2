/** Before and after the tests on a cluster: the lab, brought up for them unless it runs already. */
import { spawn } from "node:child_process";
import * as path from "node:path";
import { toolsDirOf } from "../../machine/programs/find";
import { TYPESCRIPT } from "../../test/support/typescript";
import { BUSYBOX } from "./images";
import { KUBECONFIG } from "./bring-up";
import { findNode, NODE } from "./node";
import { kubernetesDir } from "./programs";

/** The cluster that is tested on. */
export interface ClusterUnderTest {
  /** Variables with which kubectl is found and finds it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly node: string;
  /** An image that its node has, with a shell. */
  readonly helperImage: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    readonly cluster: ClusterUnderTest;
  }
}

/** What vitest hands to a global set-up, as far as we use it. */
interface Project {
  provide(key: "cluster", value: ClusterUnderTest): void;
}

export default async function setUp(project: Project): Promise<(() => Promise<void>) | undefined> {
  const wasThere = findNode() !== undefined;
  await lab("up");
  const programs = kubernetesDir(toolsDirOf({}));
  project.provide("cluster", {
    environment: { KUBECONFIG, PATH: `${programs}:${process.env.PATH ?? ""}` },
    node: NODE,
    helperImage: `lab.local/busybox:${BUSYBOX}`,
  });
  return wasThere ? undefined : () => lab("down");
}

/** Runs the lab's own command, as a user does. */
function lab(verb: "up" | "down"): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = path.join(__dirname, "lab.ts");
    const child = spawn(process.execPath, ["--require", TYPESCRIPT, script, verb], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else
        reject(new Error(`\`npm run lab:kubernetes -- ${verb}\` ended with ${code ?? "a signal"}`));
    });
  });
}
