/** What cloud-init of a machine says of its own work. */
import { expect } from "vitest";

/** For a shell of root there; waits until all is done. */
export const ASK_CLOUD_INIT =
  "cloud-init status --wait >/dev/null 2>&1; cloud-init schema --system 2>&1; cloud-init status --long 2>&1; echo code $?";

/** It has done everything, and complains of nothing: no error, nothing that is deprecated. */
export function expectNoComplaint(said: string): void {
  expect(said).toMatch(/^ *Valid/m);
  expect(said).toMatch(/^status: done$/m);
  expect(said).toMatch(/^code 0$/m);
  expect(said).not.toMatch(/deprecat|warning|degraded|error: /i);
}
