import { STEPS, whateverIsKilled } from "../support/killed";

whateverIsKilled({
  name: "the engine",
  moments: ["restore-snapshot: creating", ...STEPS.slice(1, 4), "verification-proof: creating"],
});
