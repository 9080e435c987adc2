/** From nothing to a cluster in which something lives, and back. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ensureEtcd } from "../../machine/programs/programs";
import { EXIT, UserError } from "../../scripts/outcome";
import { refuseForeignComputer } from "../openstack/packages";
import { BUSYBOX, ensureImages, PAUSE } from "./images";
import {
  ADDRESS,
  closeNode,
  DOOR,
  findNode,
  NODE,
  openNode,
  STATE_DIR,
  type LabNode,
} from "./node";
import { ensureKubernetes, ensurePackages, kubernetesDir, KUBERNETES } from "./programs";

const execFile = promisify(execFileCallback);

/** For this computer: the administrator's, at the door. */
export const KUBECONFIG = path.join(STATE_DIR, "kubeconfig");
/** Logs of a lab that did not come up; the next `up` removes them. */
export const LAST_LOGS = "/var/log/etcd-restore-kubernetes";
/** What kubeadm 1.35 takes by default, apart from the patch. */
const ETCD = "3.6.16";
const MIB = 2 ** 20;
/** Two etcd write 64 MB of log ahead each; the rest are logs and what kubectl keeps. */
const NEEDS = { memory: 2048, disk: 1024 };
/** Of kubeadm's phases, those for other nodes and for what this cluster has not (proxy, DNS). */
const SKIPPED = [
  ...["preflight", "upload-certs", "bootstrap-token", "kubelet-finalize", "addon"],
  "show-join-command",
];
const WAIT = "--timeout=180s";

/** Says what has been done. */
export type Say = (line: string) => void;

/** Brings the lab up; leaves one that runs as it is. After a failure nothing is left but its logs. */
export async function bringUp(toolsDir: string, say: Say, signal: AbortSignal): Promise<void> {
  refuseForeignComputer();
  if (findNode() !== undefined && fs.existsSync(KUBECONFIG)) {
    say("the lab runs already");
    return;
  }
  const installing = { say, signal };
  const kubernetes = await ensureKubernetes(toolsDir, installing);
  const packages = await ensurePackages(toolsDir, installing);
  const found = await ensureEtcd(ETCD, { toolsDir, log: say, signal });
  const etcd = { version: found.version, directory: path.dirname(found.etcd) };
  const images = await ensureImages(toolsDir, { kubernetes, packages, etcd }, installing);
  await takeDown();
  await refuseFullComputer();
  try {
    await layOut(images, packages);
    const node = await openNode({ kubernetes, packages }, signal);
    say("node: namespaces and containerd");
    await startCluster(node, kubernetes, say, signal);
  } catch (error) {
    fs.rmSync(LAST_LOGS, { recursive: true, force: true });
    if (fs.existsSync(path.join(STATE_DIR, "log"))) {
      fs.cpSync(path.join(STATE_DIR, "log"), LAST_LOGS, { recursive: true });
    }
    await takeDown();
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      EXIT.environment,
      `the lab did not come up: ${reason}; its logs are in ${LAST_LOGS}`,
    );
  }
}

/** Ends and removes the lab; gives whether there was one. */
export async function takeDown(): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    throw new UserError(EXIT.environment, "the lab is root's; run this with sudo");
  }
  const was = fs.existsSync(STATE_DIR);
  await closeNode();
  fs.rmSync(STATE_DIR, { recursive: true, force: true });
  return was;
}

/** kubectl on this computer, as the lab's administrator. */
export async function kubectl(
  toolsDir: string,
  argv: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const program = path.join(kubernetesDir(toolsDir), "kubectl");
  const env = { KUBECONFIG, KUBECACHEDIR: path.join(STATE_DIR, "kube-cache") };
  const { stdout } = await execFile(program, argv, { env, ...(signal ? { signal } : {}) });
  return stdout;
}

/** The state folder: an empty place for everybody, the node's configuration, and the images. */
async function layOut(images: string, packages: string): Promise<void> {
  fs.mkdirSync(STATE_DIR, { recursive: true, mode: 0o711 });
  const folders = ["etc-work", "kubelet", "etcd", "etcd-events", "log"];
  const configured = ["etc/containerd", "etc/cni/net.d", "etc/kubernetes/manifests"];
  for (const folder of [...folders, ...configured]) {
    fs.mkdirSync(path.join(STATE_DIR, folder), { recursive: true, mode: 0o700 });
  }
  // The overlay over /etc takes the mode of its upper folder.
  fs.chmodSync(path.join(STATE_DIR, "etc"), 0o755);
  const values = {
    ADDRESS,
    BUSYBOX,
    ETCD,
    FILES: /Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync("/proc/self/limits", "utf8"))?.[1],
    KUBERNETES,
    NODE,
    PACKAGES: packages,
    PAUSE,
  };
  const fill = (text: string) =>
    Object.entries(values).reduce(
      (all, [name, value]) => all.replaceAll(`\${${name}}`, `${value}`),
      text,
    );
  const targets = {
    "bridge.conflist": "etc/cni/net.d/10-bridge.conflist",
    "containerd.toml": "etc/containerd/config.toml",
    "etcd-events.yaml": "etcd-events.yaml",
    "kubeadm.yaml": "etc/kubernetes/kubeadm.yaml",
    "order.yaml": "order.yaml",
    "shop.yaml": "shop.yaml",
  };
  for (const [file, target] of Object.entries(targets)) {
    const text = fs.readFileSync(path.join(__dirname, "files", file), "utf8");
    fs.writeFileSync(path.join(STATE_DIR, target), fill(text), { mode: 0o600 });
  }
  // Hard links where the file systems are one; containerd changes nothing of what it has imported but its databases.
  const containerd = path.join(STATE_DIR, "containerd");
  const from = path.join(images, "containerd");
  const sameDevice = fs.statSync(from).dev === fs.statSync(STATE_DIR).dev;
  await execFile("cp", [sameDevice ? "-al" : "-a", from, containerd]);
  for (const file of fs.readdirSync(containerd, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".db")) continue;
    fs.rmSync(path.join(containerd, file));
    fs.copyFileSync(path.join(from, file), path.join(containerd, file));
  }
}

async function startCluster(
  node: LabNode,
  kubernetes: string,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const kubeadm = (...argv: readonly string[]) =>
    node.run(
      "kubeadm",
      ["kubeadm", "init", ...argv, "--config=/etc/kubernetes/kubeadm.yaml"],
      signal,
    );
  // The certificates first: the events' etcd starts with them.
  await kubeadm("phase", "certs", "all");
  fs.renameSync(
    path.join(STATE_DIR, "etcd-events.yaml"),
    path.join(STATE_DIR, "etc/kubernetes/manifests/etcd-events.yaml"),
  );
  await kubeadm(`--skip-phases=${SKIPPED.join(",")}`);
  say("control plane: kubeadm init");
  const door = [path.join(kubernetes, "door"), DOOR, "/proc/1/ns/net", "127.0.0.1:6443"];
  node.startOutside("door", door);
  const admin = await node.run("kubeadm", ["cat", "/etc/kubernetes/admin.conf"], signal);
  const shown = admin.replace(/server: .*/, `server: https://${DOOR}`);
  fs.writeFileSync(KUBECONFIG, shown, { mode: 0o600 });
  const toolsDir = path.dirname(kubernetes);
  const client = (...argv: readonly string[]) => kubectl(toolsDir, argv, signal);
  await answers(() => client("get", "--raw=/readyz"), signal);
  await client("wait", "node", "--all", "--for=condition=Ready", WAIT);
  say("node is Ready");
  // One by one: of two, `--for=create` takes the second for missing. A static pod is seen when its mirror was made.
  for (const pod of [`etcd-${NODE}`, `etcd-server-events-${NODE}`]) {
    await client("-n", "kube-system", "wait", "--for=create", `pod/${pod}`, WAIT);
    await client("-n", "kube-system", "wait", "--for=condition=Ready", `pod/${pod}`, WAIT);
  }
  await client("wait", "--for=create", "serviceaccount/default", WAIT);
  say("both etcd are Ready, the controllers work");
  await client("apply", "-f", path.join(STATE_DIR, "shop.yaml"));
  await client("wait", "--for=condition=Established", "crd/orders.shop.example", WAIT);
  await client("apply", "-f", path.join(STATE_DIR, "order.yaml"));
  await client("-n", "shop", "rollout", "status", "deployment/web", WAIT);
  say("a shop lives in it");
}

/** Waits for the door and the API server behind it. */
async function answers(ask: () => Promise<string>, signal: AbortSignal): Promise<void> {
  const end = Date.now() + 120_000;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (Date.now() > end) throw error;
    }
    await sleep(200);
  }
}

async function refuseFullComputer(): Promise<void> {
  const memory = /^MemAvailable:\s+(\d+)/m.exec(fs.readFileSync("/proc/meminfo", "utf8"))?.[1];
  const { bavail, bsize } = fs.statfsSync(path.dirname(STATE_DIR));
  const free = { memory: Number(memory ?? 0) / 1024, disk: (bavail * bsize) / MIB };
  for (const what of ["memory", "disk"] as const) {
    if (free[what] >= NEEDS[what]) continue;
    throw new UserError(
      EXIT.environment,
      `the lab needs ${NEEDS[what]} MiB of ${what}, ${Math.floor(free[what])} MiB are free`,
    );
  }
  const [host, port] = DOOR.split(":");
  await new Promise<void>((resolve, reject) => {
    const probe = net.createServer().once("error", (error) => {
      reject(new UserError(EXIT.environment, `the lab wants ${DOOR} for itself: ${error.message}`));
    });
    probe.listen(Number(port), host, () =>
      probe.close(() => {
        resolve();
      }),
    );
  });
}
