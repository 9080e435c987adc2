/** Where the lab's services are, seen from inside and over its wire. */

/** Where the services listen, inside; this computer reaches it over the lab's wire. */
export const API_ADDRESS = "203.0.113.194";
/** This computer's end of the wire: the gateway of the network outside. */
export const HOST_ADDRESS = "203.0.113.193";
export const EXTERNAL_CIDR = "203.0.113.192/26";
export const EXTERNAL_POOL = { start: "203.0.113.200", end: "203.0.113.250" } as const;
export const REGION = "RegionOne";
export const PORTS = { keystone: 5000, placement: 8778, glance: 9292, nova: 8774, neutron: 9696 };
/** The lab's folder, inside. */
export const LAB = "/run/lab";

export const apiUrl = (service: keyof typeof PORTS): string =>
  `http://${API_ADDRESS}:${PORTS[service]}`;
