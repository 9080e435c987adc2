/** What a lost drill has left in a cloud goes, in an order that the cloud allows; what is not a lost drill's stays. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sweepCloud } from "../../scripts/drills/cloud";
import { drillName } from "../../scripts/drills/names";

type Thing = Record<string, unknown> & { readonly id: string };

/** A cloud that keeps what it is given and refuses what a real one refuses. */
const things = new Map<string, Thing[]>();
const removed: string[] = [];
let attached: { router: string; port: string }[] = [];
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://x");
  const [, service, first = "", id, action] = url.pathname.split("/");
  const end = (status: number, body?: unknown): void => {
    response.writeHead(status, { "content-type": "application/json", "x-subject-token": "t" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  let sent = "";
  request.on("data", (part: Buffer) => (sent += part.toString()));
  request.on("end", () => {
    if (service === "v3") {
      const port = (server.address() as AddressInfo).port;
      const catalog = [
        ["compute", "compute"],
        ["network", "network/v2.0"],
        ["volumev3", "volume"],
      ].map(([type, path]) => ({
        type,
        endpoints: [
          { interface: "public", region: "R", url: `http://127.0.0.1:${port}/${path ?? ""}` },
        ],
      }));
      end(201, { token: { project: { id: "p", name: "p" }, roles: [], catalog } });
      return;
    }
    const [kind, one, act] =
      service === "network" ? [id ?? "", action, url.pathname.split("/")[5]] : [first, id, action];
    const all = things.get(kind) ?? [];
    if (request.method === "PUT" && act === "remove_router_interface") {
      const { port_id: port } = JSON.parse(sent) as { port_id: string };
      attached = attached.filter((each) => each.port !== port);
      end(200, {});
    } else if (request.method === "DELETE") {
      const isBusy = kind === "routers" && attached.some(({ router }) => router === one);
      if (isBusy || !all.some((thing) => thing.id === one)) {
        end(isBusy ? 409 : 404, { error: { message: "no" } });
        return;
      }
      things.set(
        kind,
        all.filter((thing) => thing.id !== one),
      );
      removed.push(`${kind}/${one ?? ""}`);
      end(204);
    } else if (url.searchParams.has("device_id")) {
      const router = url.searchParams.get("device_id");
      const ports = attached.filter((each) => each.router === router);
      end(200, {
        ports: [
          ...ports.map(({ port }) => ({ id: port, device_owner: "network:router_interface" })),
          { id: "gw", device_owner: "network:router_gateway" },
        ],
      });
    } else if (one !== undefined && one !== "detail")
      end(all.some((thing) => thing.id === one) ? 200 : 404, {});
    else {
      const tag = url.searchParams.get("tags");
      const listed =
        tag === null ? all : all.filter(({ tags }) => Array.isArray(tags) && tags.includes(tag));
      const keys: Record<string, string> = {
        "security-groups": "security_groups",
        "os-server-groups": "server_groups",
      };
      end(200, { [keys[kind] ?? kind]: listed });
    }
  });
});
beforeEach(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterEach(
  () =>
    new Promise<void>((resolve) =>
      server.close(() => {
        resolve();
      }),
    ),
);

const tagged = (id: string, stack: string): Thing => ({
  id,
  name: id,
  tags: ["etcd-restore", `stack=${stack}`],
});

test("of a drill that cannot run any more everything goes; others, and what is not ours, stay", async () => {
  const hour = 3_600_000;
  const dead = drillName(new Date(Date.now() - hour));
  const running = drillName(new Date(Date.now() + hour));
  things.set("servers", [
    tagged("s-dead", dead),
    tagged("s-run", running),
    { id: "s-other", tags: ["web"] },
  ]);
  const group = (stack: string) => ({
    id: `a-${stack}`,
    name: `etcd-restore.${stack}.server-group`,
  });
  things.set("os-server-groups", [
    ...[group(dead), group(running), group("nightly"), group("drill-../../x")],
    // Of somebody who calls theirs nearly so.
    { id: "a-other", name: dead },
    { id: "a-more", name: `${group(dead).name}-of-mine` },
    { id: "a-web", name: `web.${group(dead).name}` },
  ]);
  things.set("ports", [tagged("p-dead", dead)]);
  things.set("routers", [tagged("r-dead", dead), tagged("r-nightly", "nightly")]);
  things.set("subnets", [tagged("n-dead", dead)]);
  things.set("networks", [tagged("w-dead", dead), tagged("w-forged", "drill-../../x")]);
  things.set("security-groups", [tagged("g-dead", dead)]);
  things.set("floatingips", [tagged("f-dead", dead)]);
  const metadata = (stack: string) => ({ "managed-by": "etcd-restore", "pulumi-stack": stack });
  things.set("volumes", [
    { id: "v-dead", metadata: metadata(dead) },
    { id: "v-other", metadata: { "pulumi-stack": dead } },
    { id: "v-run", metadata: metadata(running) },
  ]);
  attached = [{ router: "r-dead", port: "rp" }];
  const env = {
    OS_AUTH_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3`,
    ...{
      OS_USERNAME: "u",
      OS_PASSWORD: "p",
      OS_PROJECT_NAME: "p",
      OS_USER_DOMAIN_NAME: "Default",
      OS_PROJECT_DOMAIN_NAME: "Default",
    },
  };
  expect((await sweepCloud([], true, new Date(), env)).map(({ action }) => action).sort()).toEqual([
    "left alone",
    "to be removed",
  ]);
  expect(removed).toEqual([]);

  const rows = await sweepCloud([], false, new Date(), env);
  expect(rows.find(({ name }) => name === dead)).toMatchObject({ action: "removed" });
  expect(rows.find(({ name }) => name === running)).toMatchObject({ action: "left alone" });
  expect(removed).toEqual([
    ...["servers/s-dead", `os-server-groups/a-${dead}`],
    ...["floatingips/f-dead", "ports/p-dead", "routers/r-dead", "subnets/n-dead"],
    ...["networks/w-dead", "security-groups/g-dead", "volumes/v-dead"],
  ]);
  // One whose drill is known to be kept here stays, whatever its name says.
  things.set("servers", [tagged("s-kept", dead)]);
  expect(await sweepCloud([dead], false, new Date(), env)).toMatchObject([
    { action: "left alone" },
    { action: "left alone" },
  ]);
});
