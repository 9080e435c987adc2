/** The live tree, by what stands on the screen: no row is lost, whatever comes in between, at four widths. */
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { openScreen } from "../../../engine/progress/screen";
import { treeProgress } from "../../../engine/progress/tree";
import { openTerminal, withoutBlankEnd } from "../../support/terminal";

const WIDTHS = [60, 80, 100, 120];

test.each(WIDTHS)(
  "at %i columns each frame stands there whole, and nothing of the last one",
  (columns) => {
    const line = fc.string({ unit: fc.constantFrom("a", "b", " ", "ß", "…"), maxLength: columns });
    fc.assert(
      fc.property(fc.array(fc.array(line, { maxLength: 8 }), { maxLength: 12 }), (frames) => {
        const terminal = openTerminal(columns);
        terminal.write("$ npm start\n");
        const screen = openScreen(terminal);
        for (const frame of frames) {
          screen.draw(frame);
          const expected = ["$ npm start", ...frame.map((text) => text.trimEnd())];
          expect(terminal.screen()).toEqual(withoutBlankEnd(expected));
        }
      }),
      { numRuns: 60 },
    );
  },
);

test.each(WIDTHS)(
  "at %i columns the tree keeps every row when one is inserted",
  async (columns) => {
    vi.useFakeTimers({ now: 1_000_000 });
    try {
      const terminal = openTerminal(columns);
      const progress = await treeProgress(terminal);
      const urn = (name: string): string =>
        `urn:pulumi:s::p::p:index:Group$command:local:Command::${name}`;
      const names = ["pki", "etcd-install", "restore", "verification-proof"];
      progress.registered("urn:pulumi:s::p::p:index:Group::group", "");
      // The children come in between, in another order than they are shown.
      for (const [i, name] of names.entries()) {
        progress.registered(urn(name), i % 2 === 0 ? "urn:pulumi:s::p::p:index:Group::group" : "");
        progress.started(urn(name), "create");
        progress.said(
          urn(name),
          `says a line that is longer than any terminal ${"x".repeat(columns)}`,
        );
        vi.advanceTimersByTime(130);
        const rows = terminal.screen();
        for (const known of names.slice(0, i + 1)) {
          expect(
            rows.filter((row) => row.includes(` ${known} `)),
            known,
          ).toHaveLength(1);
        }
        expect(rows).toHaveLength(i + 2);
      }
      for (const name of names) progress.ended(urn(name), "create");
      progress.finished({ verb: "up", ok: true, changes: { create: 4 }, seconds: 2 });
      expect(terminal.screen().at(-1)).toBe("up: 4 created in 2.0 s");
      expect(terminal.screen()).toHaveLength(names.length + 2);
    } finally {
      vi.useRealTimers();
    }
  },
);
