/** Before and after the tests against an OpenStack: the cloud that `OS_CLOUD` names, or the lab, brought up for them. */
import { spawn } from "node:child_process";
import * as path from "node:path";
import { CLOUD, CLOUDS_FILE } from "./bring-up";
import { findCapsule } from "./capsule";
import { DEBIAN_12, DEBIAN_13, EXTERNAL_NETWORK, FLAVOR } from "./catalog";
import { HOST_ADDRESS } from "./addresses";
import { TYPESCRIPT } from "../../test/support/typescript";

/** The cloud that is tested against. */
export interface CloudUnderTest {
  /** Variables with its credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** The same for its administrator; only the lab gives them. */
  readonly administrator: Readonly<Record<string, string>> | undefined;
  /** Settings over those of Pulumi.dev.yaml, by short name: none for a cloud of one's own, which that file is about. */
  readonly settings: Settings;
  /** What is set over them for each guest: those of the lab, or the image that Pulumi.dev.yaml names. */
  readonly guests: readonly [Settings, ...Settings[]];
}

type Settings = Readonly<Record<string, string>>;

declare module "vitest" {
  export interface ProvidedContext {
    readonly cloud: CloudUnderTest;
  }
}

/** What vitest hands to a global set-up, as far as we use it. */
interface Project {
  provide(key: "cloud", value: CloudUnderTest): void;
}

export default async function setUp(project: Project): Promise<(() => Promise<void>) | undefined> {
  const own = process.env.OS_CLOUD;
  if (own !== undefined && own !== "" && own !== CLOUD) {
    project.provide("cloud", {
      ...{ environment: {}, administrator: undefined, settings: {} },
      guests: [{}],
    });
    return undefined;
  }
  const wasThere = findCapsule() !== undefined;
  await lab("up");
  const here = JSON.stringify([`${HOST_ADDRESS}/32`]);
  project.provide("cloud", {
    environment: { OS_CLIENT_CONFIG_FILE: CLOUDS_FILE, OS_CLOUD: CLOUD },
    administrator: { OS_CLIENT_CONFIG_FILE: CLOUDS_FILE, OS_CLOUD: `${CLOUD}-admin` },
    settings: {
      image: DEBIAN_12,
      flavor: FLAVOR,
      externalNetwork: EXTERNAL_NETWORK,
      sshCidrs: here,
      clientCidrs: here,
      // Its servers reach this computer and nothing else.
      etcdInstall: "upload",
    },
    guests: [{ image: DEBIAN_12 }, { image: DEBIAN_13 }],
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
        reject(new Error(`\`npm run lab:openstack -- ${verb}\` ended with ${code ?? "a signal"}`));
    });
  });
}
