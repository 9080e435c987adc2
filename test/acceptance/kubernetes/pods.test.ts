/** The etcd pods of a real cluster. */
import { expect, test } from "vitest";
import { node, run } from "./cluster";

test("main and events are listed, with where they are and what a client needs", async () => {
  const listed = await run("pods", "--json");
  expect([listed.code, listed.stderr]).toEqual([0, ""]);
  const { pods } = JSON.parse(listed.stdout) as { pods: Record<string, unknown>[] };
  const certificates = {
    ca: "/etc/kubernetes/pki/etcd/ca.crt",
    certificate: "/etc/kubernetes/pki/etcd/server.crt",
    key: "/etc/kubernetes/pki/etcd/server.key",
  };
  expect(pods).toMatchObject([
    {
      cluster: "main",
      name: `etcd-${node}`,
      node,
      ready: true,
      version: "3.6.16",
      endpoints: ["https://192.0.2.10:2379"],
      certificates,
    },
    {
      cluster: "events",
      name: `etcd-server-events-${node}`,
      node,
      ready: true,
      version: "3.6.16",
      endpoints: ["https://127.0.0.1:4002"],
      certificates,
    },
  ]);
  const table = await run("pods");
  expect(table.stdout).toMatch(/main .*kube-system\/etcd-cp1 .*yes .*3\.6\.16.*192\.0\.2\.10:2379/);
});

test("a context, a cluster and a namespace that are not there are said, and what to do", async () => {
  const context = await run("pods", "--context", "nothing");
  expect([context.code, context.stderr]).toEqual([
    2,
    expect.stringMatching(/no context nothing.*kubectl config get-contexts/) as unknown,
  ]);
  const namespace = await run("pods", "-n", "default");
  expect([namespace.code, namespace.stderr]).toEqual([
    2,
    expect.stringMatching(/no etcd pods in namespace default/) as unknown,
  ]);
});
