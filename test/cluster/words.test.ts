import { describe, expect, test } from "vitest";
import { ClusterError } from "../../cluster/cluster-error";
import { findEtcdPods, ownCommand } from "../../cluster/find-pods";
import { assertNewEnough, type Kubectl } from "../../cluster/kubectl";
import { isLeft, ownName } from "../../cluster/own-names";
import { failureOf } from "../../cluster/words";
import { kubeadm, others } from "./pod-samples";

describe("what kubectl says, in words that say what to do", () => {
  // Each as kubectl 1.35.4 said it on a real cluster.
  const said: readonly (readonly [string, string, RegExp])[] = [
    [
      'Error from server (Forbidden): pods "etcd-cp1" is forbidden: User "looker" cannot create resource "pods/exec" in API group "" in the namespace "kube-system"',
      "forbidden",
      /user looker may not create pods\/exec in namespace kube-system.*\{ apiGroups: \[""\], resources: \["pods\/exec"\], verbs: \["create"\] \}/,
    ],
    [
      'error: error upgrading connection: pods "etcd-cp1" is forbidden: User "looker" cannot create resource "pods/portforward" in API group "" in the namespace "kube-system"',
      "forbidden",
      /resources: \["pods\/portforward"\]/,
    ],
    [
      'Error from server (Forbidden): nodes is forbidden: User "looker" cannot list resource "nodes" in API group "" at the cluster scope',
      "forbidden",
      /may not list nodes in the cluster/,
    ],
    [
      'error: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "1f": OCI runtime exec failed: exec failed: unable to start container process: exec: "cat": executable file not found in $PATH: unknown',
      "unable",
      /the image has no such program/,
    ],
    [
      'error: Internal error occurred: error sending request: Post "https://192.0.2.10:10250/exec/kube-system/etcd-cp1/etcd": dial tcp 192.0.2.10:10250: connect: connection refused',
      "gone",
      /kubelet does not answer/,
    ],
    ['Error from server (NotFound): pods "nothing" not found', "not-found", /no pod nothing/],
    [
      "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
      "unreachable",
      /no API server answers at 127.0.0.1:1.*KUBECONFIG/,
    ],
    [
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "unreachable",
      /not trusted/,
    ],
    ["Please enter Username: error: EOF", "unreachable", /no credentials/],
    [
      "Error in configuration: context was not found for specified context: nothing",
      "usage",
      /no context nothing; `kubectl config get-contexts`/,
    ],
    ['error: context "nothing" does not exist', "usage", /no context nothing/],
    [
      "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
      "unreachable",
      /no kubeconfig: set KUBECONFIG/,
    ],
    ["error: lost connection to pod", "gone", /broke off/],
    ["something new\u001b[31m", "other", /listing: something new\\u\{1b\}\[31m/],
    ["", "other", /said nothing/],
  ];
  test.each(said)("%s", (stderr, kind, words) => {
    const failure = failureOf(stderr, "listing");
    expect(failure.kind).toBe(kind);
    expect(failure.message).toMatch(/^listing: /);
    expect(failure.message).toMatch(words);
  });
});

describe("the version of kubectl", () => {
  test("new enough, also with a vendor's suffix", () => {
    for (const version of ["v1.24.0", "v1.35.4", "v1.32.4-dispatcher", "v2.0.0"]) {
      expect(() => {
        assertNewEnough(`{"clientVersion": {"gitVersion": "${version}"}}`);
      }).not.toThrow();
    }
  });
  test("too old, or none at all", () => {
    for (const answer of ['{"clientVersion": {"gitVersion": "v1.18.3"}}', "{}"]) {
      expect(() => {
        assertNewEnough(answer);
      }).toThrow(/1\.24 or newer is needed.*kubernetes\.io/);
    }
  });
});

/** A kubectl that gives answers by the namespace and whether a selector was asked for. */
function answering(answers: Readonly<Record<string, readonly unknown[] | Error>>): Kubectl {
  return {
    run(argv) {
      const name =
        argv[1] === "nodes"
          ? "nodes"
          : `${argv[argv.indexOf("-n") + 1] ?? ""}${argv.includes("-l") ? " by label" : ""}`;
      const answer = answers[name] ?? [];
      return answer instanceof Error
        ? Promise.reject(answer)
        : Promise.resolve(JSON.stringify({ items: answer }));
    },
    start: () => {
      throw new Error("nothing is started here");
    },
  };
}

describe("where etcd pods are looked for", () => {
  const forbidden = new ClusterError("environment", "may not list pods", true);
  test("by label, and else among all, so that a large namespace is fetched only when it must be", async () => {
    const labelled = answering({
      "kube-system by label": [kubeadm()],
      "kube-system": new Error("fetched all"),
    });
    expect((await findEtcdPods(labelled)).map(({ name }) => name)).toEqual(["etcd-cp1"]);
    const unlabelled = answering({ "kube-system": [...others, kubeadm()] });
    expect((await findEtcdPods(unlabelled)).map(({ name }) => name)).toEqual(["etcd-cp1"]);
  });
  test("in the next namespace, when one may not be looked into", async () => {
    const kubectl = answering({
      "kube-system by label": forbidden,
      "openshift-etcd by label": [kubeadm()],
    });
    expect(await findEtcdPods(kubectl)).toHaveLength(1);
    const nowhere = answering({ "kube-system by label": forbidden });
    await expect(findEtcdPods(nowhere)).rejects.toThrow("may not list pods");
  });
  test("and where there are none, how a snapshot is had there", async () => {
    const node = (kubeletVersion: string, osImage = "Ubuntu 24.04") => ({
      status: { nodeInfo: { kubeletVersion, osImage } },
    });
    await expect(findEtcdPods(answering({ nodes: [node("v1.33.1+k3s1")] }))).rejects.toThrow(
      "k3s etcd-snapshot save",
    );
    await expect(
      findEtcdPods(answering({ nodes: [node("v1.33.1", "Talos (v1.10.4)")] })),
    ).rejects.toThrow("talosctl -n NODE etcd snapshot FILE");
    await expect(findEtcdPods(answering({ nodes: [node("v1.33.1")] }))).rejects.toThrow(
      "backup --endpoint",
    );
    await expect(findEtcdPods(answering({ nodes: forbidden }))).rejects.toThrow("--namespace");
    expect(ownCommand(["v1.33.1+rke2r1 SLES"])).toContain("rke2 etcd-snapshot save");
    expect(ownCommand(["v1.33.1+k0s.0 Debian"])).toContain("k0s backup");
  });
});

describe("what an earlier run left", () => {
  test("is what this computer's ended processes made, or what is older than any run", () => {
    const own = ownName();
    expect(isLeft(own, 10)).toBe(false);
    expect(isLeft(`${own}.db.part`, 10)).toBe(false);
    // No process has this number (pid_max is at most 2^22).
    const dead = own.replace(`-${process.pid}-`, "-9999999-");
    expect(isLeft(dead, 10)).toBe(true);
    expect(isLeft(`${dead}.db`, 10)).toBe(true);
    const elsewhere = dead.replace(/^etcd-restore-.{8}/, "etcd-restore-00000000");
    expect(isLeft(elsewhere, 10)).toBe(false);
    expect(isLeft(elsewhere, 3601)).toBe(true);
    expect(isLeft("etcd-restore-mine", 99999)).toBe(false);
    expect(isLeft("etcd.db", 99999)).toBe(false);
  });
});
