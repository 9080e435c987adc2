import { describe, expect, it } from "vitest";
import { findFlavor, findImage, findNetwork, LookupError } from "../../components/vm/cloud-lookups";
import { refuseSmallFlavor } from "../../components/vm/etcd-vm-settings";
import { mockEngine, type MockEngineOptions } from "../support/mock-engine";

const ID = "0f0e5a7c-3a45-4b7a-9a3f-00000000000a";
const NONE = "Your query returned no results. Please change your search criteria and try again";

/** What the openstack provider says, in the engine's words. */
function failing(message: string): () => never {
  return () => {
    throw new Error(`invoking openstack: 1 error occurred:\n\t* ${message}\n\n`);
  };
}
const only = (
  token: string,
  answer: (inputs: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): MockEngineOptions => ({
  lookups: { [token]: answer },
});
const IMAGES = "openstack:images/getImage:getImage";
const FLAVORS = "openstack:compute/getFlavor:getFlavor";
const NETWORKS = "openstack:networking/getNetwork:getNetwork";

describe("look-ups", () => {
  it("find an image by its name only, and take an id as it is", async () => {
    const asked: unknown[] = [];
    await mockEngine(
      only(IMAGES, (inputs) => {
        asked.push(inputs);
        return { id: ID };
      }),
    );
    expect(await findImage("debian-12")).toBe(ID);
    expect(await findImage(ID)).toBe(ID);
    expect(asked).toEqual([{ name: "debian-12" }]);
  });

  it("find a flavor by name, or else by id", async () => {
    await mockEngine(
      only(FLAVORS, ({ name, flavorId }) => {
        if (name === "2") throw new Error(NONE);
        return { id: flavorId ?? "7", name: name ?? "m1.small", ram: 2048, disk: 10 };
      }),
    );
    expect(await findFlavor("m1.large")).toEqual({
      id: "7",
      name: "m1.large",
      ramMiB: 2048,
      diskGiB: 10,
    });
    expect(await findFlavor("2")).toEqual({ id: "2", name: "m1.small", ramMiB: 2048, diskGiB: 10 });
  });

  it("find a network by name or id, an external one only among the external", async () => {
    const asked: unknown[] = [];
    await mockEngine(
      only(NETWORKS, (inputs) => {
        asked.push(inputs);
        return { id: ID, name: "public" };
      }),
    );
    await findNetwork("externalNetwork", "public");
    await findNetwork("network", ID);
    expect(asked).toEqual([{ name: "public", external: true }, { networkId: ID }]);
  });

  it.each([
    [
      "an image",
      IMAGES,
      () => findImage("debain-12"),
      /image is "debain-12".*nothing of that name.*openstack image list/,
    ],
    [
      "a flavor",
      FLAVORS,
      () => findFlavor("m1.smal"),
      /flavor is "m1\.smal".*openstack flavor list/,
    ],
    [
      "an external network",
      NETWORKS,
      () => findNetwork("externalNetwork", "publik"),
      /externalNetwork is "publik".*openstack network list --external`/,
    ],
  ])("say what is not there, and how to list what is: %s", async (_what, token, find, message) => {
    await mockEngine(only(token, failing(NONE)));
    const failed = find();
    await expect(failed).rejects.toThrow(LookupError);
    await expect(failed).rejects.toThrow(message);
  });

  it("take none of several of one name", async () => {
    await mockEngine(
      only(
        IMAGES,
        failing(
          "Your query returned more than one result. Please try a more specific search criteria",
        ),
      ),
    );
    await expect(findImage("ubuntu")).rejects.toThrow(
      /several of that name; set it to the id of the one/,
    );
  });

  it("say what to do without credentials", async () => {
    await mockEngine(only(IMAGES, failing("One of 'auth_url' or 'cloud' must be specified")));
    await expect(findImage("ubuntu")).rejects.toThrow(
      /set OS_CLOUD to a cloud of your clouds\.yaml/,
    );
  });

  it("pass on any other fault on one line", async () => {
    await mockEngine(
      only(FLAVORS, failing("dial tcp 192.0.2.1:5000: connect: connection refused")),
    );
    await expect(findFlavor("m1.small")).rejects.toThrow(
      /cannot ask OpenStack for flavor "m1\.small": .*connection refused\s*$/,
    );
  });
});

describe("refuseSmallFlavor", () => {
  const flavor = { id: "1", name: "tiny", ramMiB: 512, diskGiB: 2 };
  it("names what the flavor has and what the backup needs, all of it", () => {
    expect(() => {
      refuseSmallFlavor(flavor, { ramMiB: 2048, diskGiB: 5 });
    }).toThrow(
      /"tiny" is too small: it has 512 MiB of memory, the backup needs 2048; it has 2 GiB of disk, the backup needs 5/,
    );
  });
  it.each([
    [flavor, undefined],
    [flavor, { ramMiB: 512, diskGiB: 2 }],
    [
      { ...flavor, diskGiB: 0 },
      { ramMiB: 512, diskGiB: 100 },
    ],
  ])("lets %j pass for %j", (given, needs) => {
    expect(() => {
      refuseSmallFlavor(given, needs);
    }).not.toThrow();
  });
});

// Does not prove: that the provider's words are still these (the acceptance run asks a real OpenStack for what it lacks).
