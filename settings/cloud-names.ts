/** Settings that name what is there in a cloud already, and what is said where it is not. */

/** By which command of OpenStack's own client to find out what there is. */
const LISTINGS = {
  flavor: "openstack flavor list",
  image: "openstack image list",
  network: "openstack network list",
  externalNetwork: "openstack network list --external",
} as const;

/** Such a setting; it takes a name or an id. */
export type CloudName = keyof typeof LISTINGS;

export function listingOf(setting: CloudName): string {
  return LISTINGS[setting];
}

/** What is said of a name or an id that nothing has. */
export function nothingOf(setting: CloudName, nameOrId: string): string {
  return (
    `${setting} is "${nameOrId}", and this OpenStack project sees nothing of that name or id; ` +
    `\`${LISTINGS[setting]}\` shows what there is`
  );
}

/** What is said of a name that several have. */
export function severalOf(setting: CloudName, name: string): string {
  return (
    `${setting} is "${name}", and there are several of that name; set it to the id of the one: ` +
    `\`${LISTINGS[setting]}\` shows what there is`
  );
}
