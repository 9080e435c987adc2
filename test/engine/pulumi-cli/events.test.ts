/** Events that come more than once. */
import { expect, it } from "vitest";
import { readEvents } from "../../../engine/pulumi-cli/events";
import { lineProgress } from "../../../engine/progress/lines";
import { goodRun } from "./events.cjs";

it("tells an event once, however often the SDK reads it from the CLI's log", () => {
  const lines: string[] = [];
  const progress = lineProgress((line) => lines.push(line.replace(/[\d.]+ s/g, "N s")));
  const events = readEvents(progress, { hide: (text) => text }, false, () => ({}));
  const run = goodRun().map((event, sequence) => ({ sequence, ...event }));

  for (const event of [...run, ...run.slice(1)]) events.read(event);
  // An event of a CLI that gives no number is one of its own each time.
  for (const event of goodRun().slice(2, 3)) events.read(event);

  expect(lines).toEqual([
    "+ command:local:Command first: creating",
    "    first | said by the command",
    "+ command:local:Command first: created (N s)",
    "    first | said by the command",
  ]);
  expect(events.changes()).toEqual({ create: 1, same: 2 });
});
