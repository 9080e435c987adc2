/** Starts the lab's OpenStack in its capsule, from empty data bases to agents that report themselves alive. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Credentials } from "../../openstack/credentials";
import { openSession, type Session } from "../../openstack/session";
import { makeCatalog, agentsAlive } from "./catalog";
import { STATE_DIR, type Capsule } from "./capsule";
import { configFiles } from "./configs";
import { apiUrl, LAB, type PORTS, REGION } from "./addresses";
import { NEUTRON, NOVA, startAgents, startApis, startBasics, startWsgi } from "./processes";

/** Says what has been done and how long it took. */
export type Say = (line: string) => void;

const DATABASES = ["keystone", "glance", "placement", "nova", "nova_api", "nova_cell0", "neutron"];
const SQL = ["mariadb", "-uroot", "-S", `${LAB}/db/mysqld.sock`];

/** Lays out the state folder: configuration, and an empty place for everybody. Gives back the lab's one password. */
export function layOut(): string {
  const password = randomBytes(12).toString("hex");
  const folders = [
    ...["etc/keystone/fernet-keys", "etc/keystone/credential-keys", "etc/libvirt", "log", "tmp"],
    ...["db/data", "rabbit/mnesia", "rabbit/log", "libvirt", "glance", "neutron"],
    "nova/instances",
  ];
  // Others may look their way through it: QEMU is nobody in particular.
  fs.mkdirSync(STATE_DIR, { recursive: true, mode: 0o711 });
  for (const folder of folders) fs.mkdirSync(path.join(STATE_DIR, folder), { recursive: true });
  for (const folder of [
    "etc/keystone",
    "db",
    "rabbit",
    "log",
    "etc/nova",
    "etc/neutron",
    "etc/glance",
  ]) {
    fs.mkdirSync(path.join(STATE_DIR, folder), { recursive: true });
    fs.chmodSync(path.join(STATE_DIR, folder), 0o700);
  }
  fs.chmodSync(path.join(STATE_DIR, "tmp"), 0o1777);
  for (const [name, text] of Object.entries(configFiles(password))) {
    const file = path.join(STATE_DIR, "etc", name);
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.writeFileSync(file, text, { mode: 0o600 });
  }
  fs.cpSync("/etc/libvirt", path.join(STATE_DIR, "etc/libvirt"), { recursive: true });
  fs.rmSync(path.join(STATE_DIR, "etc/libvirt/qemu/networks/autostart"), {
    recursive: true,
    force: true,
  });
  fs.renameSync(
    path.join(STATE_DIR, "etc/qemu.conf"),
    path.join(STATE_DIR, "etc/libvirt/qemu.conf"),
  );
  fs.copyFileSync("/etc/nova/api-paste.ini", path.join(STATE_DIR, "etc/nova/api-paste.ini"));
  fs.writeFileSync(path.join(STATE_DIR, "rabbit", "plugins"), "");
  return password;
}

/** The credentials of the lab's administrator, or of another user of a project of the same name. */
export function labCredentials(user: string, password: string): Credentials {
  const domain = { id: "default" };
  return {
    authUrl: `${apiUrl("keystone")}/v3`,
    identity: {
      method: "password",
      user: { name: user, domain, password },
      scope: { project: { name: user, domain } },
    },
    region: REGION,
    endpoint: "public",
    ca: undefined,
    verify: true,
    source: "the lab",
  };
}

/** Starts every service; gives back the administrator's session. Takes about 45 s. */
export async function startServices(
  capsule: Capsule,
  password: string,
  say: Say,
  signal: AbortSignal,
): Promise<Session> {
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const started = Date.now();
    const result = await work();
    say(`${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    return result;
  };
  startBasics(capsule);
  await timed("MariaDB", () => startDatabase(capsule, signal));
  const [admin] = await timed("data bases of keystone, glance, placement, nova, neutron", () =>
    Promise.all([
      startKeystone(capsule, password, signal).then(async (session) => {
        await makeCatalog(session, password); // nova's parts end when their users do not exist
        await capsule.run(
          ["placement-manage", `--config-file=${LAB}/etc/placement/placement.conf`, "db", "sync"],
          { OS_PLACEMENT_CONFIG_DIR: `${LAB}/etc/placement` },
        );
        await capsule.run([
          "glance-manage",
          `--config-file=${LAB}/etc/glance/glance-api.conf`,
          "db_sync",
        ]);
        return session;
      }),
      syncNova(capsule),
      capsule.run(["neutron-db-manage", NEUTRON, "upgrade", "head"]),
    ]),
  );
  startApis(capsule);
  await timed("queues between the services", () =>
    capsule.run([
      ...["/usr/bin/python3", `${LAB}/wait-queues.py`, "120"],
      ...["conductor", "scheduler", "q-plugin", "q-l3-plugin", "q-reports-plugin"],
    ]),
  );
  startAgents(capsule);
  await timed("placement, glance, nova and neutron answer", async () => {
    for (const service of ["neutron", "placement", "nova", "glance"] as const) {
      await answers(service, signal);
    }
  });
  // The token of before knows a catalogue without services.
  const session = await openSession(labCredentials("admin", password), signal);
  await timed("nova-compute and neutron's agents are alive", () =>
    until("nova-compute and neutron's agents", 180, signal, () => agentsAlive(session)),
  );
  await timed("the hypervisor has its cell", () =>
    capsule.run(["nova-manage", NOVA, "cell_v2", "discover_hosts"]),
  );
  return admin.projectId === session.projectId ? session : admin;
}

/** Asks until the answer is true; says what it waited for when the time is over. */
export async function until(
  what: string,
  seconds: number,
  signal: AbortSignal,
  ask: () => Promise<boolean>,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  let last = "";
  while (Date.now() < end) {
    signal.throwIfAborted();
    try {
      if (await ask()) return;
      last = "";
    } catch (error) {
      last = `; last: ${error instanceof Error ? error.message : String(error)}`;
    }
    await sleep(400);
  }
  throw new Error(`waited ${seconds} s for ${what}${last}`);
}

/** A data base that lives for hours: nothing is written twice, nothing waits for the disk. */
async function startDatabase(capsule: Capsule, signal: AbortSignal): Promise<void> {
  const data = [`--no-defaults`, "--user=root", `--datadir=${LAB}/db/data`];
  await capsule.run([
    ...["mariadb-install-db", ...data, "--auth-root-authentication-method=normal"],
    "--skip-test-db",
  ]);
  capsule.start("mariadb", [
    ...["mariadbd", ...data, `--socket=${LAB}/db/mysqld.sock`, `--pid-file=${LAB}/db/mysqld.pid`],
    ...["--skip-networking", "--skip-log-bin", "--skip-name-resolve", "--max-connections=300"],
    ...["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--performance-schema=0"],
    ...["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--key-buffer-size=1M"],
    ...["--character-set-server=utf8mb3", "--collation-server=utf8mb3_general_ci"],
  ]);
  await until("MariaDB", 30, signal, async () => {
    await capsule.run([...SQL, "-e", "select 1"]);
    return true;
  });
  await capsule.run([...SQL, "-e", DATABASES.map((name) => `create database ${name};`).join("")]);
}

async function startKeystone(
  capsule: Capsule,
  password: string,
  signal: AbortSignal,
): Promise<Session> {
  const environment = {
    OS_KEYSTONE_CONFIG_DIR: `${LAB}/etc/keystone`,
    OS_BOOTSTRAP_PASSWORD: password,
  };
  const manage = (...words: readonly string[]) =>
    capsule.run(
      ["keystone-manage", `--config-file=${LAB}/etc/keystone/keystone.conf`, ...words],
      environment,
    );
  const owner = ["--keystone-user", "root", "--keystone-group", "root"];
  await manage("fernet_setup", ...owner);
  await manage("credential_setup", ...owner);
  await manage("db_sync");
  const url = `${apiUrl("keystone")}/v3`;
  await manage(
    ...["bootstrap", "--bootstrap-region-id", REGION, "--bootstrap-public-url", url],
    ...["--bootstrap-internal-url", url, "--bootstrap-admin-url", url],
  );
  startWsgi(
    capsule,
    "keystone",
    "/usr/bin/keystone-wsgi-public",
    { processes: 1, threads: 4 },
    environment,
  );
  await answers("keystone", signal);
  return openSession(labCredentials("admin", password), signal);
}

async function syncNova(capsule: Capsule): Promise<void> {
  for (const words of [
    ["api_db", "sync"],
    ["cell_v2", "map_cell0"],
    ["cell_v2", "create_cell", "--name=cell1"],
    ["db", "sync"],
  ]) {
    await capsule.run(["nova-manage", NOVA, ...words]);
  }
}

/** Any answer but a server's own failure says that a service is there: most want a token first. */
async function answers(service: keyof typeof PORTS, signal: AbortSignal): Promise<void> {
  await until(service, 120, signal, async () => {
    const { status } = await fetch(`${apiUrl(service)}/`, { signal: AbortSignal.timeout(5000) });
    return status < 500;
  });
}
