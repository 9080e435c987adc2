import { STEPS, whateverIsKilled } from "../support/killed";

whateverIsKilled({
  name: "the restore script",
  commandLine: /restore\.sh --snapshot/,
  moments: STEPS,
});
