/** Where an OpenStack's services are: the catalogue that comes with a token, and our region in it. */
import * as z from "zod";
import { CloudError } from "./cloud-error";
import type { Credentials } from "./credentials";

/** The services that we use, by their type in the catalogue. */
export type ServiceType =
  "identity" | "image" | "compute" | "network" | "volumev3" | "object-store";

export const Token = z.object({
  token: z.object({
    project: z.object({ id: z.string(), name: z.string() }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    catalog: z
      .array(
        z.object({
          type: z.string(),
          endpoints: z.array(
            z.object({
              interface: z.string(),
              region: z.string().nullish(),
              region_id: z.string().nullish(),
              url: z.string(),
            }),
          ),
        }),
      )
      .default([]),
  }),
});
type Catalog = z.infer<typeof Token>["token"]["catalog"];

/** Versions that stand in the URL, where the catalogue's endpoint has none. */
const VERSION: Readonly<Partial<Record<ServiceType, string>>> = {
  identity: "v3",
  image: "v2",
  network: "v2.0",
};

/** The endpoint of each service in our region. */
export function endpointsOf(catalog: Catalog, credentials: Credentials) {
  const all = catalog.flatMap(({ type, endpoints }) =>
    endpoints
      .filter((endpoint) => endpoint.interface === credentials.endpoint)
      .map(({ url, region, region_id: id }) => ({ type, url, region: region ?? id ?? undefined })),
  );
  const region = credentials.region ?? all[0]?.region;
  const known = [...new Set(all.map((endpoint) => endpoint.region))];
  if (region !== undefined && all.length > 0 && !known.includes(region)) {
    throw new CloudError(
      "usage",
      `region is "${region}", and this OpenStack has: ${known.filter(Boolean).join(", ")}; set region_name (OS_REGION_NAME)`,
    );
  }
  const url = (service: ServiceType): string | undefined => {
    const found = all.find((endpoint) => endpoint.type === service && endpoint.region === region);
    if (found === undefined) return undefined;
    const base = found.url.replace(/\/+$/, "");
    const version = VERSION[service];
    return version === undefined || base.endsWith(`/${version}`) ? base : `${base}/${version}`;
  };
  return { region, url };
}
