/** Lists a store and chooses, and compares that with what a trap demands. */
import { expect } from "vitest";
import { chooseBackup } from "../../sources/choose";
import { listBackups } from "../../sources/listing";
import type { Store } from "../../sources/store";
import type { Trap } from "./traps";

export async function expectChoice(store: Store, trap: Trap, now: Date): Promise<void> {
  const listing = await listBackups(store, { now });
  const { expectedCluster } = trap;
  const choice = await chooseBackup(store, listing, { expectedCluster, now });
  const { chosen, passedOver } = choice;
  expect(chosen?.path).toBe(trap.chosen);
  if (trap.layout !== undefined) expect(chosen?.layout).toBe(trap.layout);
  const reasons = new Map(passedOver.map(({ path, reason }) => [path, reason]));
  for (const [path, words] of Object.entries(trap.passed ?? {})) {
    expect(reasons.get(path), `the reason of ${path}`).toMatch(words);
  }
  if (trap.chosen !== undefined) expect(reasons.size).toBe(Object.keys(trap.passed ?? {}).length);
  for (const words of trap.notes ?? []) expect(choice.notes.join("\n")).toMatch(words);
}
