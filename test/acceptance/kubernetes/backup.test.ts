/** Backups out of the etcd pods of a real cluster, by every way, and what each may. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { openLab, waitUntil } from "../../support/lab";
import { begin, environment, helperImage, kubectl, node, ourPods, run } from "./cluster";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-test-"));
const RBAC = path.join(__dirname, "../../../examples/kubernetes/backup-rbac");
let number = 0;
const fresh = () => path.join(directory, `${(number += 1)}`);
const backup = (...args: readonly string[]) =>
  run("backup", "--kubernetes", "--helper-image", helperImage, ...args);

interface Tie {
  readonly kubernetes: { readonly version: string; readonly uid: string };
  readonly backups: readonly {
    readonly cluster: string;
    readonly file: string;
    readonly via: string;
    readonly sha256: string;
    readonly revision: number;
    readonly notVia: readonly { readonly way: string; readonly reason: string }[];
  }[];
  readonly older: string;
}

function readTie(folder: string): Tie {
  return JSON.parse(fs.readFileSync(path.join(folder, "backup.json"), "utf8")) as Tie;
}

/** Snapshots of ours beside etcd's data, as the node has them. */
async function leftFiles(): Promise<string> {
  const pod = `etcd-server-events-${node}`;
  return kubectl("exec", "-n", "kube-system", pod, "--", "ls", "/var/lib/etcd-events");
}

beforeAll(async () => {
  await kubectl("apply", "-f", RBAC);
});
afterEach(async () => {
  expect(await ourPods()).toEqual([]);
  expect(await leftFiles()).not.toContain("etcd-restore");
});
afterAll(async () => {
  await kubectl("delete", "-f", RBAC);
  fs.rmSync(directory, { recursive: true, force: true });
});

describe("main and events", () => {
  test("are taken through a forwarded port with the node's certificate, and tied", async () => {
    const folder = fresh();
    const taken = await backup("-o", folder);
    expect(taken.code, taken.stderr).toBe(0);
    expect(taken.stdout).toMatch(/^main {2}kube-system\/etcd-cp1, by port-forward$/m);
    const tie = readTie(folder);
    expect(tie).toMatchObject({
      kubernetes: { version: "v1.35.4" },
      backups: [
        { cluster: "main", file: "main.db", via: "port-forward", notVia: [] },
        { cluster: "events", file: "events.db", via: "port-forward", notVia: [] },
      ],
      older: "main",
    });
    const uid = await kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}");
    expect(tie.kubernetes.uid).toBe(uid);
    for (const cluster of ["main", "events"]) {
      const manifest = JSON.parse(
        fs.readFileSync(path.join(folder, `${cluster}.db.json`), "utf8"),
      ) as unknown;
      expect(manifest).toMatchObject({ kubernetes: { cluster, version: "v1.35.4" } });
      const inspected = await run("inspect", path.join(folder, `${cluster}.db`));
      expect(inspected.code, inspected.stdout).toBe(0);
    }
    // Again: what is there is not replaced unasked.
    const again = await backup("-o", folder);
    expect([again.code, again.stderr]).toEqual([
      2,
      expect.stringMatching(/main\.db.* there already.*--overwrite/) as unknown,
    ]);
  });

  test("are restored on this computer, proved from the source to the end", async () => {
    const folder = fresh();
    expect((await backup("-o", folder)).code).toBe(0);
    const lab = await openLab();
    try {
      for (const cluster of ["main", "events"]) {
        const ended = await lab.run("start", path.join(folder, `${cluster}.db`));
        expect(ended, ended.stderr).toMatchObject({ code: 0 });
        const report = lab.report();
        expect(report.verdict).toBe("pass");
        expect(report.source?.hashKv).toBe(report.restored.hashKv);
      }
    } finally {
      await lab.dispose();
    }
  });
});

describe("each way by itself", () => {
  test.each([
    ["exec", "events"],
    ["exec", "main"],
    ["node", "main"],
    ["node", "events"],
  ])("--via %s brings %s, also out of an image without a shell", async (via, cluster) => {
    const folder = fresh();
    const taken = await backup("--via", via, "--only", cluster, "-o", folder);
    expect(taken.code, taken.stderr).toBe(0);
    expect(readTie(folder).backups).toMatchObject([{ cluster, via, notVia: [] }]);
    expect(fs.readdirSync(folder).sort()).toEqual([
      "backup.json",
      `${cluster}.db`,
      `${cluster}.db.json`,
    ]);
    const inspected = await run("inspect", path.join(folder, `${cluster}.db`));
    expect(inspected.code, inspected.stdout).toBe(0);
  });
});

describe("who may not", () => {
  /** A kubeconfig of somebody else: the administrator who acts as him. */
  function actingAs(user: string, ...groups: readonly string[]): void {
    const own = parse(fs.readFileSync(environment.KUBECONFIG ?? "", "utf8")) as {
      users: { user: Record<string, unknown> }[];
    };
    for (const one of own.users) Object.assign(one.user, { as: user, "as-groups": groups });
    const file = path.join(directory, `${user}.conf`);
    fs.writeFileSync(file, stringify(own), { mode: 0o600 });
    process.env.KUBECONFIG = file;
  }
  async function bound(...roles: readonly string[]): Promise<void> {
    await kubectl("delete", "-f", RBAC, "--ignore-not-found");
    for (const role of roles) await kubectl("apply", "-f", path.join(RBAC, `${role}.yaml`));
  }
  afterEach(async () => {
    process.env.KUBECONFIG = environment.KUBECONFIG;
    await kubectl("apply", "-f", RBAC);
  });

  test("list pods is told the rule that would allow it", async () => {
    actingAs("nobody");
    const listed = await run("pods");
    expect([listed.code, listed.stderr]).toEqual([
      3,
      expect.stringContaining(
        '{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }',
      ) as unknown,
    ]);
  });

  test("do more than look is told it for each way", async () => {
    await bound("pods");
    actingAs("looker", "etcd-backup");
    expect((await run("pods")).code).toBe(0);
    const folder = fresh();
    const taken = await backup("-o", folder);
    expect(taken.code).toBe(3);
    expect(taken.stderr).toMatch(/no way leads to the etcd of etcd-cp1:/);
    expect(taken.stderr).toMatch(/port-forward: .*may not create pods .*resources: \["pods"\]/);
    expect(taken.stderr).toMatch(/exec: .*may not create pods\/exec .*resources: \["pods\/exec"\]/);
    expect(taken.stderr).toMatch(/node: .*may not create pods .*resources: \["pods"\]/);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test("make pods needs certificates of his own, and then the least role is enough", async () => {
    const folder = fresh();
    const pki = fs.mkdtempSync(path.join(directory, "pki-"));
    // As an administrator copies them from the node.
    const of = (name: string) =>
      path.join("/var/lib/etcd-restore-kubernetes/etc/kubernetes/pki/etcd", name);
    for (const name of ["ca.crt", "healthcheck-client.crt", "healthcheck-client.key"]) {
      fs.copyFileSync(of(name), path.join(pki, name));
    }
    await bound("port-forward");
    actingAs("forwarder", "etcd-backup");
    const files = [
      ...["--cacert", path.join(pki, "ca.crt")],
      ...["--cert", path.join(pki, "healthcheck-client.crt")],
      ...["--key", path.join(pki, "healthcheck-client.key")],
    ];
    const taken = await backup("-o", folder, ...files);
    expect(taken.code, taken.stderr).toBe(0);
    expect(readTie(folder).backups.map(({ via }) => via)).toEqual(["port-forward", "port-forward"]);
    // Certificates of another CA: said as what it is, not as a refused connection.
    const wrong = path.join(directory, "wrong.crt");
    fs.copyFileSync(of("../ca.crt"), wrong);
    const refused = await backup(
      "--via",
      "port-forward",
      "-o",
      fresh(),
      "--cacert",
      wrong,
      ...files.slice(2),
    );
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringMatching(
        /no TLS with the etcd behind the forwarded port: .*certificate/,
      ) as unknown,
    ]);
  });

  test("forward ports takes events by exec, where the image has a shell", async () => {
    await bound("exec");
    actingAs("execer", "etcd-backup");
    const folder = fresh();
    const taken = await backup("--only", "events", "-o", folder);
    expect(taken.code, taken.stderr).toBe(0);
    expect(readTie(folder).backups).toMatchObject([
      {
        via: "exec",
        notVia: [
          {
            way: "port-forward",
            reason: expect.stringContaining("may not create pods") as unknown,
          },
        ],
      },
    ]);
    const main = await backup("--only", "main", "-o", fresh());
    expect([main.code, main.stderr]).toEqual([
      3,
      expect.stringMatching(/exec: .*may not create pods /) as unknown,
    ]);
  });
});

describe("what goes wrong on the way", () => {
  test("killed while its pod runs: a dry run lists the pod, the next run removes it", async () => {
    const killed = begin(
      "backup",
      "--kubernetes",
      "--via",
      "node",
      "--helper-image",
      helperImage,
      "-o",
      fresh(),
    );
    await waitUntil(async () => (await ourPods()).length > 0, "its pod is there");
    killed.process.kill("SIGKILL");
    await killed.ended;
    await sleep(500);
    const [left = ""] = await ourPods();
    const plan = await backup("--dry-run");
    expect(plan.code, plan.stderr).toBe(0);
    expect(plan.stdout).toContain(`removes first: kube-system/${left}`);
    expect(plan.stdout).toMatch(
      /exec: makes a pod to fetch a file from \/var\/lib\/etcd of node cp1, removed again/,
    );
    expect(await ourPods()).toEqual([left]);
    const next = await backup("--only", "events", "-o", fresh());
    expect([next.code, next.stderr]).toEqual([
      0,
      expect.stringContaining(
        `removed what an earlier run had left in kube-system: ${left}`,
      ) as unknown,
    ]);
  });

  test("interrupted: nothing is left, and no file under its name", async () => {
    const folder = fresh();
    const running = begin("backup", "--kubernetes", "--helper-image", helperImage, "-o", folder);
    await waitUntil(async () => (await ourPods()).length > 0, "its pod is there");
    running.process.kill("SIGINT");
    const ended = await running.ended;
    expect(ended.code).not.toBe(0);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test("an image that the node cannot have is named, with the flag that mends it", async () => {
    const taken = await run(
      ...["backup", "--kubernetes", "--via", "node", "--only", "main", "-o", fresh()],
      ...["--helper-image", "lab.local/nothing:1"],
    );
    expect([taken.code, taken.stderr]).toEqual([
      3,
      expect.stringMatching(
        /does not start: reader: .*Image.*--helper-image names an image/,
      ) as unknown,
    ]);
  });

  test("kubectl is not on PATH", async () => {
    const before = process.env.PATH;
    process.env.PATH = path.join(directory, "nothing");
    try {
      const taken = await backup("-o", fresh());
      expect([taken.code, taken.stderr]).toEqual([
        3,
        expect.stringMatching(/kubectl is not on PATH; install it: see https/) as unknown,
      ]);
    } finally {
      process.env.PATH = before;
    }
  });
});

test("ls and get look into the living store", async () => {
  const flags = ["--kubernetes", "--helper-image", helperImage];
  const listed = await run("ls", "/registry/pods/kube-system", ...flags);
  expect([listed.code, listed.stdout.split("\n")]).toEqual([
    0,
    expect.arrayContaining([`/registry/pods/kube-system/etcd-${node}`]) as unknown,
  ]);
  const got = await run("get", "/registry/configmaps/shop/prices", ...flags);
  expect(got.code, got.stderr).toBe(0);
  expect(JSON.parse(got.stdout)).toMatchObject({ kind: "ConfigMap", metadata: { name: "prices" } });
  const events = await run("ls", "/registry", "--only", "events", ...flags);
  expect([events.code, events.stdout]).toEqual([0, "/registry/events/\n"]);
});
