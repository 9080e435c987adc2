/** A backup of etcd's old v2 store, with v3 keys beside it, from a real etcd to the proof, as a user sees it. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as https from "node:https";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWorkspace } from "../support/kubernetes-fixtures";
import { beginCommand, openLab, PROJECT, type Ended, type Lab } from "../support/lab";
import { timeLimit } from "../support/time-limit.cjs";
import { fillV2, flat, SHORT_SECONDS, startV2Server, type AnsweredNode } from "../support/v2-store";

const LIMIT = timeLimit(240_000);
const files = createWorkspace();
const source = files.path("source");
let truth: readonly AnsweredNode[];
let lab: Lab;
let first: Ended;

beforeAll(async () => {
  const server = await startV2Server(source, 400);
  try {
    for (let i = 0; i < 10; i++) await server.etcdctl("put", `/v3/${i}`, `value ${i}`);
    truth = await fillV2(server.url);
  } finally {
    await server.stop();
  }
  await sleep(1000 * SHORT_SECONDS); // by then what has so long to live has run out
  lab = await openLab();
  first = await lab.run("start", source);
}, LIMIT);
afterAll(async () => {
  await lab.dispose();
  files.remove();
}, LIMIT);

/** Asks the lab's etcd with the client's certificate. */
function ask(method: string, url: string, body = ""): Promise<string> {
  const pem = (name: string) => fs.readFileSync(path.join(lab.directory, "client", name));
  const options = { ca: pem("ca.crt"), cert: pem("client.crt"), key: pem("client.key"), method };
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "content-length": Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const whole = `https://127.0.0.1:${lab.clientPort}${url}`;
    const request = https.request(whole, { ...options, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => {
        resolve(text);
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function read(key: string): Promise<readonly AnsweredNode[]> {
  const text = await ask("GET", `/v2/keys${key}?recursive=true&sorted=true`);
  return flat((JSON.parse(text) as { node: AnsweredNode }).node);
}

/** Writes behind our back. */
const write = (method: string, key: string, value = "") =>
  ask(method, `/v2/keys${key}`, new URLSearchParams({ value }).toString());

const verify = () =>
  beginCommand(["verify", source, "--json", "-c", `labDirectory=${lab.directory}`]).ended;

describe("a v2 store with v3 keys beside it", () => {
  it("is restored, and each key, hidden ones too, is proved", () => {
    expect(first.code, first.stderr).toBe(0);
    const report = lab.report();
    expect(report.verdict).toBe("pass");
    const keys = truth.filter(({ value }) => value !== undefined).length;
    expect(report.v2).toMatchObject({ keys, hidden: 4, withTtl: 5 });
    // One had run out.
    expect(report.v2?.same.keys).toBe(keys - 1);
    expect(report.restored).toMatchObject({ keys: 10, revision: 11 });
    expect(report.snapshot).toMatchObject({ keys: 10, revision: 11, etcdVersion: "3.5.0" });
    const verdicts = Object.fromEntries(report.checks.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toMatchObject({
      "life-own-restart": "pass",
      ...{ "v2-files": "pass", "v2-read-back": "explained", "v2-hidden": "pass" },
      ...{ "v2-order": "pass", "v2-index": "pass", hashkv: "pass", "read-back": "pass" },
    });
    expect(first.stdout).toMatch(/PASS {2}\d+ of \d+ v2 keys .* and so are 10 v3 keys/);
    expect(first.stderr).toContain("starting it once as a new cluster, on a private socket");
  });

  it("serves what the source served: value, indexes and the moment when it runs out", async () => {
    const served = [await read("/")];
    for (const key of ["/_hidden", "/_hidden/_deeper", "/_hidden/_deeper/_still", "/half/_in"]) {
      served.push(await read(key));
    }
    const expected = truth.filter(({ key }) => key !== "/short");
    expect(served.flat().filter(({ key }) => key !== undefined)).toEqual(expected);
  });

  it("is shown by what start says to look inside with", () => {
    const line = /^ {2}(npx etcd-restore ls \/ --v2.*)$/m.exec(first.stderr)?.[1] ?? "";
    const shown = execFileSync("sh", ["-c", line], {
      cwd: PROJECT,
      encoding: "utf8",
      stdio: "pipe",
    });
    expect(shown.split("\n")).toEqual(expect.arrayContaining(["/registry/", "/odd/"]));
  });

  it("has a member of its own, at its own peer URL, in a cluster of its own", async () => {
    const [member, other] = await members();
    expect(other).toBeUndefined();
    expect(member?.peerURLs).toEqual([expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/)]);
    const environment = fs.readFileSync(path.join(lab.directory, "etcd", "etcd.env"), "utf8");
    expect(environment).toContain(
      `ETCD_INITIAL_ADVERTISE_PEER_URLS="${member?.peerURLs[0] ?? ""}"`,
    );
    expect(environment).toContain('ETCD_ENABLE_V2="true"');
    expect(environment).not.toContain("FORCE_NEW_CLUSTER");
  });

  it(
    "is left alone by a second start",
    async () => {
      const pid = lab.etcdPid();
      const again = await lab.run("start", source);
      expect(again.code, again.stderr).toBe(0);
      expect(again.stderr).toContain("unchanged");
      expect(lab.etcdPid()).toBe(pid);
    },
    LIMIT,
  );

  it(
    "fails as soon as one key is another, one is missing, or one is there that should not be",
    async () => {
      await write("PUT", "/registry/pods/ns-3/pod-3", "another");
      await write("DELETE", "/half/_in");
      await write("PUT", "/extra", "x");
      const ended = await verify();
      expect(ended.code).toBe(1);
      expect(JSON.parse(ended.stdout)).toMatchObject({
        verdict: "fail",
        differences: {
          total: 3,
          details: [
            { key: "/extra", difference: "extra" },
            { key: "/half/_in", difference: "missing" },
            { key: "/registry/pods/ns-3/pod-3", difference: "changed" },
          ],
        },
      });
    },
    LIMIT,
  );
});

async function members(): Promise<readonly { readonly peerURLs: readonly string[] }[]> {
  const text = await ask("GET", "/v2/members");
  return (JSON.parse(text) as { members: { peerURLs: string[] }[] }).members;
}
