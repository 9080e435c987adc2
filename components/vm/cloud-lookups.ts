/** Finds by name what is there in a cloud already, and says how to find out more when it is not there. */
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import { nothingOf, severalOf, type CloudName } from "../../settings/cloud-names";

/**
 * Nothing, or too much, has the name that a setting gives. A RunError, so Pulumi prints its message without a stack.
 *
 * @example
 * ```ts
 * import { LookupError, Network } from "etcd-restore";
 *
 * const cidrs = ["192.0.2.0/24"];
 * const network = new Network("lab", { sshCidrs: cidrs, clientCidrs: cidrs, externalNetwork: "public" });
 * // Where the cloud has no network `public`, what is made of it fails with a LookupError that says how to list them.
 * export const pool = network.floatingIpPool;
 * export const isLookupError = (error: unknown) => error instanceof LookupError;
 * ```
 */
export class LookupError extends pulumi.RunError {}

/** A network that is there already. */
export interface FoundNetwork {
  readonly id: string;
  readonly name: string;
}

/** What a server of a flavor has. */
export interface FoundFlavor {
  readonly id: string;
  readonly name: string;
  readonly ramMiB: number;
  /** 0: the image, or the volume that it boots from, decides. */
  readonly diskGiB: number;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Asks for everything that the settings name, before anything is registered: the answer to a first resource would be the
 * provider's own, which does not say what to do.
 *
 * @throws LookupError for the first that cannot be found, or asked for.
 */
export async function lookUpAll(args: {
  readonly image: string;
  readonly flavor: string;
  readonly externalNetwork: string | undefined;
  readonly network: string | undefined;
}): Promise<void> {
  const { image, flavor, externalNetwork, network } = args;
  await Promise.all([
    findFlavor(flavor),
    findImage(image),
    externalNetwork === undefined ? undefined : findNetwork("externalNetwork", externalNetwork),
    network === undefined ? undefined : findNetwork("network", network),
  ]);
}

/** The network with this name or id; `external` wants one that routers can have as their gateway. */
export async function findNetwork(
  setting: "network" | "externalNetwork",
  nameOrId: string,
): Promise<FoundNetwork> {
  const external = setting === "externalNetwork";
  const found = await lookUp(setting, nameOrId, () =>
    openstack.networking.getNetwork({
      ...(UUID.test(nameOrId) ? { networkId: nameOrId } : { name: nameOrId }),
      ...(external ? { external } : {}),
    }),
  );
  return { id: found.id, name: found.name ?? nameOrId };
}

/** The flavor with this name, or else with this id. */
export async function findFlavor(nameOrId: string): Promise<FoundFlavor> {
  const found = await lookUp("flavor", nameOrId, async () => {
    try {
      return await openstack.compute.getFlavor({ name: nameOrId });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return openstack.compute.getFlavor({ flavorId: nameOrId });
    }
  });
  return {
    id: found.id,
    name: found.name ?? nameOrId,
    ramMiB: found.ram ?? 0,
    diskGiB: found.disk ?? 0,
  };
}

/**
 * Id of the image with this name. An id is taken as it is.
 *
 * Of several images with one name none is taken, not even the newest: another one tomorrow would be another VM.
 */
export async function findImage(nameOrId: string): Promise<string> {
  if (UUID.test(nameOrId)) return nameOrId;
  const found = await lookUp("image", nameOrId, () =>
    openstack.images.getImage({ name: nameOrId }),
  );
  return found.id;
}

async function lookUp<T>(setting: CloudName, nameOrId: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (isNotFound(error)) throw new LookupError(nothingOf(setting, nameOrId));
    if (/more than one result/i.test(reason)) throw new LookupError(severalOf(setting, nameOrId));
    if (/auth_url|'cloud' must be specified|no suitable endpoint|authenticate|401/i.test(reason)) {
      throw new LookupError(
        `OpenStack does not let us ask for ${setting} "${nameOrId}": ${firstLine(reason)}; set OS_CLOUD to a cloud of ` +
          "your clouds.yaml, or source your openrc file, and try `openstack token issue`",
      );
    }
    throw new LookupError(
      `cannot ask OpenStack for ${setting} "${nameOrId}": ${firstLine(reason)}`,
    );
  }
}

function isNotFound(error: unknown): boolean {
  const reason = error instanceof Error ? error.message : String(error);
  return /returned no results|no results|not found|could not find|\b404\b/i.test(reason);
}

/** Without the engine's preface, and on one line. */
function firstLine(reason: string): string {
  return reason
    .replace(/^Invocation of \S+ returned an error: /, "")
    .replace(/\s+/g, " ")
    .slice(0, 300);
}
