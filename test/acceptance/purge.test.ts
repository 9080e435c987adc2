/** What `stop` and `stop --purge` leave: the reports of a run that failed, what is not the stack's, nothing. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { REPORT_FILES } from "../../etcd/report/report";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { openLab, type Lab } from "../support/lab";

const files = createWorkspace();
const cut = files.write("cut.db", snapshotBytes("kubernetes-1.35-events.db").subarray(0, -4096));
afterAll(() => {
  files.remove();
});

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.dispose());

const there = () => (fs.existsSync(lab.directory) ? fs.readdirSync(lab.directory).sort() : []);

describe("after a run that failed", () => {
  beforeEach(async () => {
    expect((await lab.run("start", cut)).code).toBe(2);
  });

  it("`stop` keeps its reports and names the command that removes them; that leaves nothing, however often", async () => {
    const stopped = await lab.run("stop");
    expect(stopped.code, stopped.stderr).toBe(0);
    expect(stopped.stderr).toMatch(
      /reports of a run that failed are kept in .*`npm stop -- --purge/,
    );
    expect(there()).toEqual([...REPORT_FILES].sort());

    const purged = await lab.run("stop", "--purge");
    expect(purged.code, purged.stderr).toBe(0);
    expect(purged.stderr).toMatch(/^Stopped; nothing is left of /m);
    expect(there()).toEqual([]);
    expect(fs.existsSync(lab.directory)).toBe(false);

    const again = await lab.run("stop", "--purge", "--json");
    expect([again.code, JSON.parse(again.stdout)]).toEqual([
      0,
      { schemaVersion: 1, directory: lab.directory, wasThere: false, left: [] },
    ]);
  });

  it("what somebody else has put there stays, and is named", async () => {
    fs.writeFileSync(path.join(lab.directory, "notes.txt"), "mine");
    const purged = await lab.run("stop", "--purge", "--json");
    expect(purged.code, purged.stderr).toBe(0);
    expect(JSON.parse(purged.stdout)).toMatchObject({ wasThere: true, left: ["notes.txt"] });
    expect(purged.stderr).toMatch(/still holds what is not the stack's: notes\.txt/);
    expect(there()).toEqual(["notes.txt"]);
  });
});

it("of an etcd that runs, with a proof and a later run that failed, `stop --purge` leaves nothing", async () => {
  const started = await lab.run("start");
  expect(started.code, started.stderr).toBe(0);
  expect((await lab.run("start", cut)).code).toBe(2);
  expect(there()).toContain(".proof");

  const purged = await lab.run("stop", "--purge");

  expect(purged.code, purged.stderr).toBe(0);
  expect(fs.existsSync(lab.directory)).toBe(false);
});
