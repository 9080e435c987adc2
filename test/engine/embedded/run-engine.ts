/** A process of its own with the embedded engine in it, to be interrupted and killed by tests: VERB, OPTIONS as JSON. */
import { embeddedEngine } from "../../../engine/embedded/embedded-engine";
import type { EngineOptions } from "../../../engine/engine";

const [verb = "", options = "{}"] = process.argv.slice(2);
const controller = new AbortController();
process.once("SIGINT", () => {
  controller.abort();
});
const engine = embeddedEngine({
  ...(JSON.parse(options) as EngineOptions),
  signal: controller.signal,
});
const run = verb === "destroy" ? engine.destroy() : engine.up();
run.then(
  (result) => {
    process.stdout.write(JSON.stringify(result));
  },
  (error: unknown) => {
    process.stdout.write(JSON.stringify({ thrown: String(error) }));
  },
);
