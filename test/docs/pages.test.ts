/**
 * The commands that README and docs/ show, run in the order of their page: each prints what the page says. With WRITE_DOCS=1
 * the pages are given what they print now. A block that cannot be run here says why in a comment before it.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, expect, it } from "vitest";
import { processesOf, PROJECT } from "../support/lab";
import { putTogether, takeApart, type Step } from "../support/page";
import { freePorts } from "../support/ports";
import { timeLimit } from "../support/time-limit.cjs";
import { agrees, PAGES, runPage, shortened } from "./pages";

const home = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-test-"));
afterAll(() => {
  fs.rmSync(home, { recursive: true, force: true });
});

const NOT_RUN = /<!-- not run: .+ -->\n+```console\n$/;

/** The steps of a page that are run, by their place among all. */
function runnable(parts: ReturnType<typeof takeApart>): ReadonlyMap<number, Step> {
  const steps = new Map<number, Step>();
  let isRun = true;
  let index = 0;
  for (const { text, step } of parts) {
    if (text !== "") isRun = !NOT_RUN.test(text);
    if (step === undefined) continue;
    if (isRun) steps.set(index, step);
    index += 1;
  }
  return steps;
}

it("README.md and the pages of docs/ with console blocks are among those that are run", () => {
  const pages = [
    "README.md",
    ...fs.readdirSync(path.join(PROJECT, "docs")).map((name) => `docs/${name}`),
  ];
  const withSteps = pages.filter((file) => {
    if (!file.endsWith(".md") || file === "docs/exercise.md") return false; // on a real cluster
    return runnable(takeApart(fs.readFileSync(path.join(PROJECT, file), "utf8"))).size > 0;
  });
  expect(withSteps.sort()).toEqual(PAGES.map(({ file }) => file).sort());
});

it("print what the pages say", { timeout: timeLimit(240_000) }, async () => {
  const [client = 0, peer = 0] = await freePorts(2);
  const flags = [`-c labDirectory=${home}/.lab`, `-c clientPort=${client}`, `-c peerPort=${peer}`];
  fs.symlinkSync(path.join(PROJECT, "test"), path.join(home, "test"));
  const wrong: string[] = [];
  for (const page of PAGES) {
    const file = path.join(PROJECT, page.file);
    const folder = page.folder === "/srv/backups" ? path.join(home, "backups") : home;
    fs.mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(page.files?.() ?? {})) {
      fs.writeFileSync(path.join(folder, name), bytes);
    }
    const text = fs.readFileSync(file, "utf8");
    const parts = takeApart(text);
    expect(putTogether(parts, ({ printed }) => printed)).toBe(text);
    const steps = runnable(parts);
    const outcomes = await runPage(page, [...steps.values()], folder, flags);
    const now = new Map([...steps.keys()].map((at, i) => [at, outcomes[i]?.now ?? ""]));
    for (const [at, { command, printed }] of steps) {
      const found = now.get(at) ?? "";
      if (!agrees(command, printed, found)) wrong.push(`${page.file}: $ ${command}\n${found}`);
    }
    if (process.env.WRITE_DOCS === "1") {
      const told = putTogether(parts, ({ command, printed }, at) => {
        const found = now.get(at);
        if (found === undefined || agrees(command, printed, found)) return printed;
        return shortened(printed, found);
      });
      fs.writeFileSync(file, told);
    }
  }
  await runPage({ file: "", folder: home }, [{ command: "npm stop", printed: "" }], home, flags);
  expect(processesOf(home)).toEqual([]);
  if (process.env.WRITE_DOCS !== "1") expect(wrong.join("\n\n")).toBe("");
});
