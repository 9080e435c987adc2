import { STEPS, whateverIsKilled } from "../support/killed";

whateverIsKilled({
  name: "etcd",
  commandLine: /\/bin\/etcd $/,
  moments: ["restore: looking at", ...STEPS.slice(2), "verification-proof: creating"],
});

// At every step of it: test/machine/restore/restore-killed.test.ts. Here what the command makes of a script that is gone.
whateverIsKilled({
  name: "the restore script",
  commandLine: /restore\.sh --snapshot/,
  moments: ["restore: moving what was restored"],
});
