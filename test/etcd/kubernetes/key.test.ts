import { describe, expect, it } from "vitest";
import { describeKey } from "../../../etcd/kubernetes/key";
import { listedObjects, storedKeys } from "./truth";

describe("describeKey", () => {
  it.each([
    ["main", ["main", "events"]],
    ["encrypted", ["encrypted"]],
  ] as const)("says of each key what the API server listed: %s", (name, stores) => {
    const described = stores
      .flatMap(storedKeys)
      .map(({ key }) => describeKey(key))
      .filter((description) => description?.kind === "object")
      .map(({ group, resource, namespace, name }) => [group, resource, namespace ?? "", name]);
    const listed = listedObjects(name).map((object) => [
      object.group,
      object.resource,
      object.namespace,
      object.name,
    ]);
    expect(described.map(String).sort()).toEqual(listed.map(String).sort());
  });

  it.each([
    ["compact_rev_key", "revision of the last compaction", "compact_rev_key"],
    ["/registry/masterleases/192.0.2.10", "address of an API server, leased", "192.0.2.10"],
    ["/registry/ranges/servicenodeports", "allocated addresses or ports", "servicenodeports"],
    ["/kubernetes.io/ranges/serviceips", "allocated addresses or ports", "serviceips"],
  ])("%s is bookkeeping", (key, purpose, name) => {
    expect(describeKey(key)).toMatchObject({ kind: "special", purpose, name });
  });

  it.each([
    ["/registry/controllers/a/b", "", "replicationcontrollers", "a", "b"],
    ["/registry/minions/node-1", "", "nodes", undefined, "node-1"],
    ["/registry/services/specs/a/b", "", "services", "a", "b"],
    ["/registry/services/endpoints/a/b", "", "endpoints", "a", "b"],
    ["/registry/cert-manager.io/issuers/a/b", "cert-manager.io", "issuers", "a", "b"],
    [
      "/registry/cert-manager.io/clusterissuers/b",
      "cert-manager.io",
      "clusterissuers",
      undefined,
      "b",
    ],
    ["/kubernetes.io/pods/a/b", "", "pods", "a", "b"],
    [
      "/kubernetes.io/config.openshift.io/networks/b",
      "config.openshift.io",
      "networks",
      undefined,
      "b",
    ],
    ["/openshift.io/routes/a/b", "route.openshift.io", "routes", "a", "b"],
    ["/openshift.io/oauth/clients/b", "oauth.openshift.io", "oauthclients", undefined, "b"],
    ["/openshift.io/useridentities/b", "user.openshift.io", "identities", undefined, "b"],
    // A resource that is not known: its group does not stand in the key.
    ["/registry/somethings/a/b", undefined, "somethings", "a", "b"],
    ["/registry/constructor/a/b", undefined, "constructor", "a", "b"],
  ])("%s", (key, group, resource, namespace, name) => {
    const root = key.slice(0, key.indexOf("/", 1));
    expect(describeKey(key)).toEqual({ kind: "object", root, group, resource, namespace, name });
  });

  it.each([
    "",
    "/",
    "/registry",
    "/registry/",
    "/registry/pods",
    "/registry/pods/",
    "/registry/pods//b",
    "/registry/pods/a/b/c",
    "/registry/cert-manager.io/issuers",
    "/registry/services/specs",
    "registry/pods/a/b",
    "/binary/txn-a",
    "/elsewhere/pods/a/b",
  ])("%j is no key of Kubernetes", (key) => {
    expect(describeKey(key)).toBeUndefined();
  });
});
