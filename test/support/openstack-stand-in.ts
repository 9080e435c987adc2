/** Keystone, nova, neutron and glance as far as `doctor` asks them, with answers that a test may spoil. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer; a status alone has an error's body. */
type Answer = Readonly<Record<string, unknown>> | number;

export interface StandIn {
  /** Variables that name it. */
  readonly env: Readonly<Record<string, string>>;
  /** What each path answers, by `service/path` without its query; to be changed. */
  readonly answers: Map<string, Answer>;
  close(): Promise<void>;
}

export const PASSWORD = "not-a-secret-of-anybody";

/** A cloud on which the sample can be restored. */
const GOOD: Readonly<Record<string, Answer>> = {
  "compute/flavors/detail": {
    flavors: [
      { id: "1", name: "m1.tiny", ram: 64, disk: 5, vcpus: 1 },
      { id: "3", name: "m1.medium", ram: 4096, disk: 40, vcpus: 2 },
      { id: "2", name: "m1.small", ram: 2048, disk: 20, vcpus: 1 },
    ],
  },
  "compute/limits": {
    limits: {
      absolute: {
        maxTotalInstances: 10,
        totalInstancesUsed: 2,
        maxTotalCores: -1,
        totalCoresUsed: 4,
        maxTotalRAMSize: 51_200,
        totalRAMUsed: 4096,
      },
    },
  },
  "image/images": {
    images: [
      { id: "i-1", name: "debian-12", status: "active", min_disk: 2, min_ram: 0 },
      { id: "i-2", name: "ubuntu-24.04", status: "active", min_disk: 0, min_ram: 0 },
    ],
  },
  "network/networks": {
    networks: [
      { id: "n-1", name: "public", subnets: ["s-1"], "router:external": true },
      { id: "n-2", name: "tenant", subnets: ["s-2"], "router:external": false },
      { id: "n-3", name: "bare", subnets: [], "router:external": false },
    ],
  },
  "network/quotas/p-1/details.json": {
    quota: Object.fromEntries(
      [
        ...["network", "subnet", "router", "port", "floatingip"],
        ...["security_group", "security_group_rule"],
      ].map((what) => [what, { limit: 10, used: 1, reserved: 0 }]),
    ),
  },
};

/** A new one, on a port of its own. */
export async function openStandIn(): Promise<StandIn> {
  const answers = new Map(Object.entries(GOOD));
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const [path = ""] = (request.url ?? "").split("?");
      const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(JSON.stringify(body));
      };
      if (path === "/v3/auth/tokens") {
        if (!Buffer.concat(parts).toString().includes(PASSWORD)) {
          reply(401, { error: { code: 401, message: "The request requires authentication." } });
          return;
        }
        const { port } = server.address() as AddressInfo;
        reply(201, { token: tokenOf(port) }, { "x-subject-token": "t" });
        return;
      }
      const answer = answers.get(path.replace(/^\/(\w+)\/(v2(\.\d)?\/)?/, "$1/")) ?? 404;
      if (typeof answer === "number") reply(answer, { error: { message: "It is as it is." } });
      else reply(200, answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      OS_AUTH_URL: `http://127.0.0.1:${port}`,
      OS_USERNAME: "anna",
      OS_PASSWORD: PASSWORD,
      OS_PROJECT_NAME: "demo",
    },
    answers,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function tokenOf(port: number): unknown {
  return {
    project: { id: "p-1", name: "demo" },
    roles: [{ name: "member" }],
    catalog: ["compute", "network", "image"].map((type) => ({
      type,
      endpoints: [
        { interface: "public", region: "north", url: `http://127.0.0.1:${port}/${type}/` },
      ],
    })),
  };
}
