/** `go build` of the published module k8s.io/kubernetes, at the versions and sums that the repository pins. */
import { findGo, pinnedModule, runGo, type PinnedModules } from "./build";
import type { InstallContext } from "./limits";
import type { WantedVersion } from "./version";

/** `kube-1.35/go.mod` replaces each of Kubernetes' staging modules by the published one of the same version. */
const MODULES: PinnedModules = { folder: "kube-", module: "k8s.io/kubernetes" };

/** What the linker is told, so that the programs know their version: `hack/lib/version.sh` of Kubernetes. */
export function versionFlags(version: string): string {
  const [major = "", minor = ""] = version.split(".");
  const told = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  return Object.entries(told)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(" ");
}

/** Builds kube-apiserver of the pinned version into `directory`; resolves with the version. Minutes, when go's cache is cold. */
export async function buildApiServer(
  wanted: WantedVersion,
  modulesDir: string,
  directory: string,
  context: InstallContext,
): Promise<string> {
  const { directory: cwd, version } = await pinnedModule(wanted, modulesDir, MODULES);
  const { go, version: goVersion } = await findGo(modulesDir, context);
  const title = `building kube-apiserver ${version}`;
  context.log(`${title} with ${goVersion}: ten minutes or more, once`);
  const args = [
    ...["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-v"],
    ...[`-ldflags=-s -w ${versionFlags(version)}`, "-o", `${directory}/`],
  ];
  const what = "k8s.io/kubernetes/cmd/kube-apiserver";
  await runGo(go, [...args, what], { cwd, title, context });
  return version;
}
