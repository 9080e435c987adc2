import { embeddedEngine } from "./embedded/embedded-engine";
import type { Engine, EngineOptions } from "./engine";
import { findPulumiCli } from "./pulumi-cli/find-cli";
import { pulumiCliEngine } from "./pulumi-cli/pulumi-cli-engine";

export type EngineName = "auto" | "pulumi" | "embedded";

/**
 * The engine that was asked for; `auto`: the Pulumi CLI when one is on PATH, else the embedded one.
 * Throws when the CLI is asked for and there is none.
 */
export function chooseEngine(wanted: EngineName, options: EngineOptions): Engine {
  const cli = wanted === "embedded" ? undefined : findPulumiCli();
  if (wanted === "pulumi" || cli !== undefined) return pulumiCliEngine(options);
  const engine = embeddedEngine(options);
  return wanted === "embedded"
    ? engine
    : { ...engine, description: engine.description.replace("(", "(no Pulumi CLI on PATH; ") };
}
