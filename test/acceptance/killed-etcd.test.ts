import { STEPS, whateverIsKilled } from "../support/killed";

whateverIsKilled({
  name: "etcd",
  commandLine: /\/bin\/etcd $/,
  moments: ["restore: looking at", ...STEPS.slice(2), "verification-proof: creating"],
});
