/** Last night's backup, restored on this computer and proved. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { LocalRestore } from "etcd-restore";

const config = new pulumi.Config();
const restored = new LocalRestore("last-night", {
  snapshot: config.require("snapshot"),
  labDirectory: path.resolve("last-night"),
  clientPort: config.getNumber("clientPort") ?? 22379,
  peerPort: config.getNumber("peerPort") ?? 22380,
  expectedKeys: ["/registry/namespaces/default"],
});

export const { clientEndpoint, clientKey, etcdctl, verdict, report } = restored;
