/** The restart of what stays, with a real etcd: what comes back is compared, and it comes back whatever happens. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verify } from "../../etcd/proof/verify";
import { readSnapshot, type Snapshot } from "../../etcd/snapshot/snapshot";
import { ensureEtcd } from "../../machine/programs/programs";
import { proveOwnRestart } from "../../boot/own/restart";
import {
  eventually,
  makeFolder,
  makeLab,
  removeFolder,
  run,
  unpackSamples,
  type Lab,
  type Sample,
} from "../machine/lab";
import { beginCommand } from "../support/lab";
import { freePorts } from "../support/ports";

let folder: string;
let lab: Lab;
let samples: { readonly main: Sample; readonly events: Sample };
let snapshot: Snapshot;

beforeAll(async () => {
  const { etcd } = await ensureEtcd("3.6");
  folder = makeFolder();
  samples = unpackSamples(folder);
  snapshot = await readSnapshot(samples.main.file);
  lab = await makeLab(folder, { programs: path.dirname(etcd) });
}, 900_000);
beforeEach(async () => {
  const ended = await run(lab.restoreArgv(samples.main));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
}, 120_000);
afterAll(() => {
  snapshot.close();
  removeFolder(folder);
});

const endpoint = () => ({
  url: `https://127.0.0.1:${lab.clientPort}`,
  tls: { ca: lab.pki.ca, certificate: lab.pki.client, key: lab.pki.clientKey },
});

async function restarted(service: string) {
  const report = await verify({ snapshot, endpoint: endpoint(), level: "quick" });
  const { signal } = new AbortController();
  const proved = await proveOwnRestart(report, {
    ...{ snapshot, endpoints: [endpoint()], services: [service], routes: [undefined], signal },
    tell: () => undefined,
  });
  return { proved, check: proved.checks.at(-1) };
}

describe("the restart of what stays", { timeout: 180_000 }, () => {
  it("passes when the same store comes back, in another process, and tells how long it took", async () => {
    const before = lab.pid();
    const { proved, check } = await restarted(lab.service);
    expect(check).toMatchObject({ id: "life-own-restart", verdict: "pass" });
    expect(check?.expected).toBe(`HashKV ${samples.main.hashKv}`);
    expect(check?.found).toMatch(/^HashKV 1992026518, in \d+\.\d s$/);
    expect(proved).toMatchObject({ verdict: "pass" });
    expect(proved.phases.at(-1)).toMatchObject({ name: "life" });
    expect(lab.pid()).toBeGreaterThan(0);
    expect(lab.pid()).not.toBe(before);
    expect(lab.hashKv(samples.main.revision)).toBe(samples.main.hashKv);
  });

  it("fails when another store comes back, and when none does", async () => {
    const [data, kept] = [lab.data, path.join(folder, "kept")];
    const swapped = `f() { if [ "$1" = start ]; then mv '${data}' '${kept}'; fi; ${lab.service} "$1"; }; f`;
    const empty = await restarted(swapped);
    expect(empty.check?.verdict).toBe("fail");
    expect(empty.proved.verdict).toBe("fail");
    await lab.control("stop");
    fs.rmSync(data, { recursive: true });
    fs.renameSync(kept, data);
    await lab.control("start");
    const gone = await restarted(
      `f() { if [ "$1" = stop ]; then ${lab.service} stop; else exit 3; fi; }; f`,
    );
    expect(gone.check).toMatchObject({
      verdict: "fail",
      reason: "etcd could not be started again: its service ended with 3",
    });
  });

  it("takes no member away where another does not serve, and calls each by its own name", async () => {
    const before = lab.pid();
    const [port = 0] = await freePorts(1);
    const endpoints = [endpoint(), { ...endpoint(), url: `https://127.0.0.1:${port}` }];
    const report = await verify({
      ...{ snapshot, endpoint: endpoint(), others: endpoints.slice(1), level: "quick" },
    });
    const proved = await proveOwnRestart(report, {
      ...{ snapshot, endpoints, told: [report.members?.[0], undefined], tell: () => undefined },
      services: [lab.service, "false"],
      ...{ routes: [undefined, undefined], signal: new AbortController().signal },
    });
    const reason = `https://127.0.0.1:${port} does not serve: no other member is taken away beside it`;
    const restarts = proved.checks.filter(({ id }) => id.startsWith("life-own-restart-"));
    expect(restarts).toMatchObject([
      { title: "The same after a restart: lab", verdict: "not-checked", reason },
      {
        title: `The same after a restart: https://127.0.0.1:${port}`,
        verdict: "not-checked",
        reason,
      },
    ]);
    expect(lab.pid()).toBe(before);
  });

  it("leaves the etcd running when it is killed while that is stopped", async () => {
    const tls = path.join(folder, "tls");
    const before = lab.pid();
    const slow = `f() { ${lab.service} "$1"; [ "$1" = start ] || sleep 1; }; f`;
    const begun = beginCommand([
      ...["verify", samples.main.file, "--endpoint", endpoint().url, "--service", slow],
      ...["--cacert", path.join(tls, "ca.crt"), "--cert", path.join(tls, "client.crt")],
      ...["--key", path.join(tls, "client.key")],
    ]);
    await eventually("etcd is stopped", () => lab.pid() !== before, 60_000);
    begun.process.kill("SIGKILL");
    await begun.ended;
    await eventually("etcd runs again", () => ![undefined, before].includes(lab.pid()), 30_000);
    await eventually("it serves", () => serves(), 20_000);
  });
});

function serves(): boolean {
  try {
    return lab.hashKv(samples.main.revision) === samples.main.hashKv;
  } catch {
    return false;
  }
}
