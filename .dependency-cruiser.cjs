// Which room may import which (CONTRIBUTING.md, "Rooms"): imports point one way, and never in a circle.
// A rule names what a room may import of ours; whatever it does not name is forbidden.
"use strict";

/** Room (a folder, or the files of the top) → rooms that it may import, besides itself. */
const ROOMS = {
  "etcd/wire": [],
  "etcd/snapshot": ["etcd/wire"],
  "etcd/client": ["etcd/wire"],
  "etcd/kubernetes": ["etcd/wire"],
  "etcd/encryption": ["etcd/wire", "etcd/kubernetes"],
  "etcd/backup": ["etcd/wire", "etcd/snapshot", "etcd/client", "etcd/kubernetes"],
  "etcd/inspect": [
    ...[
      "etcd/wire",
      "etcd/snapshot",
      "etcd/client",
      "etcd/backup",
      "etcd/kubernetes",
      "etcd/encryption",
      "etcd/proof",
    ],
    "etcd/report",
  ],
  "etcd/report": ["etcd/wire", "etcd/snapshot"],
  "etcd/proof": [
    ...["etcd/wire", "etcd/snapshot", "etcd/client", "etcd/backup", "etcd/report"],
    ...["etcd/kubernetes", "etcd/encryption"],
  ],
  boot: ["etcd", "machine"],
  cluster: ["etcd"],
  evidence: ["etcd/report", "etcd/wire", "etcd/snapshot"],
  files: [],
  machine: [],
  openstack: [],
  sources: ["etcd", "openstack", "files"],
  engine: [],
  settings: ["etcd", "machine", "sources"],
  components: ["etcd", "machine", "settings", "sources"],
  scripts: [
    "boot",
    "cluster",
    "etcd",
    "machine",
    "openstack",
    "settings",
    "sources",
    "engine",
    "evidence",
    "labs",
  ],
  labs: ["machine", "openstack", "scripts", "test/support"],
};

/** @param {string} room */
const within = (room) => `^${room}/`;

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-circle",
      severity: "error",
      comment: "Files that need each other cannot be understood one after the other.",
      from: {},
      to: { circular: true },
    },
    ...Object.entries(ROOMS).map(([room, allowed]) => ({
      name: `room-${room.replace("/", "-")}`,
      severity: /** @type {const} */ ("error"),
      comment: `${room} may import ${allowed.join(", ") || "nothing of ours"} (CONTRIBUTING.md, Rooms).`,
      from: { path: within(room) },
      to: {
        path: "^(boot|cluster|etcd|evidence|machine|openstack|engine|settings|sources|components|scripts|labs|test|[^/]+\\.ts$)",
        pathNot: [room, ...allowed].map(within),
      },
    })),
    {
      name: "domain-without-pulumi",
      severity: "error",
      comment: "What knows etcd and machines runs without Pulumi.",
      from: { path: "^(boot|cluster|etcd|evidence|machine|openstack|sources)/" },
      to: { path: "node_modules/@pulumi/" },
    },
    {
      name: "program-composes-only",
      severity: "error",
      comment: "index.ts puts components together; what it needs to know comes through config.ts.",
      from: { path: "^index\\.ts$" },
      to: { path: "^(boot|cluster|etcd|machine|openstack|sources|engine|scripts|labs|test)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: {
      path: "(^|/)(etcd/snapshot/wasm|\\.lab|\\.tools|\\.git|bench|dist|test/acceptance/machine/programs|test/engine/programs)/",
    },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
