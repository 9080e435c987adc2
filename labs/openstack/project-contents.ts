/** What a project of an OpenStack holds, asked of its services: what a `destroy` must not leave. */
import * as z from "zod";
import type { Session } from "../../openstack/session";

const Things = z.array(z.looseObject({ id: z.string().optional(), name: z.string().nullish() }));

/** Every thing that the program makes, as `kind id`; sorted. A new project's own security group does not count. */
export async function projectContents(session: Session): Promise<readonly string[]> {
  const list = async (service: "compute" | "network", path: string, key: string) => {
    const answer = z.record(z.string(), z.unknown()).parse(await session.request(service, path));
    return Things.parse(answer[key])
      .filter(({ name }) => !(key === "security_groups" && name === "default"))
      .map(({ id, name }) => `${key} ${id ?? name ?? ""}`);
  };
  const mine = `project_id=${session.projectId}`;
  const network = (path: string, key = path) => list("network", `/${path}?${mine}`, key);
  const all = await Promise.all([
    list("compute", "/servers", "servers"),
    list("compute", "/os-server-groups", "server_groups"),
    keyPairs(session),
    ...["networks", "subnets", "routers", "ports", "floatingips"].map((kind) => network(kind)),
    network("security-groups", "security_groups"),
  ]);
  return all.flat().sort();
}

async function keyPairs(session: Session): Promise<readonly string[]> {
  const { keypairs } = z
    .object({ keypairs: z.array(z.object({ keypair: z.object({ name: z.string() }) })) })
    .parse(await session.request("compute", "/os-keypairs"));
  return keypairs.map(({ keypair }) => `keypairs ${keypair.name}`);
}

/** What a server's console shows, and how nova sees it: of every server of the project. */
export async function serverEvidence(session: Session): Promise<readonly string[]> {
  const { servers } = z
    .object({ servers: z.array(z.looseObject({ id: z.string() })) })
    .parse(await session.request("compute", "/servers/detail"));
  return Promise.all(
    servers.map(async ({ id, name, status, fault }) => {
      const { output } = z.object({ output: z.string() }).parse(
        await session
          .request("compute", `/servers/${id}/action`, {
            method: "POST",
            body: { "os-getConsoleOutput": { length: 1000 } },
          })
          .catch((error: unknown) => ({ output: String(error) })),
      );
      return `server ${String(name)} ${id} ${String(status)} ${JSON.stringify(fault ?? "")}\n${output}\n`;
    }),
  );
}
