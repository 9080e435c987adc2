import type { Engine, EngineOptions } from "../engine";
import { embeddedEngine } from "../embedded/embedded-engine";
export function pulumiCliEngine(options: EngineOptions): Engine {
  return embeddedEngine(options);
}
