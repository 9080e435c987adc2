/** The examples of docs/every-night.md: their commands are ones that the program takes, and their rules alert as they say. */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { openCommands } from "../support/commands";
import { METRICS } from "./metrics";

const ROOT = path.join(__dirname, "..", "..");
const NIGHTLY = path.join(ROOT, "examples", "nightly");

const files = fs
  .readdirSync(NIGHTLY, { recursive: true, encoding: "utf8" })
  .map((name) => path.join(NIGHTLY, name))
  .filter((file) => fs.statSync(file).isFile())
  .concat(
    path.join(ROOT, "action.yml"),
    path.join(ROOT, "docs", "every-night.md"),
    path.join(ROOT, "docs", "evidence.md"),
  );

/** Flags of each call of ours in a text, by command. */
function calls(text: string): readonly (readonly [command: string, flags: readonly string[]])[] {
  const inLists = text.replace(
    /args:\s*\[([^\]]*)\]/g,
    (_, words: string) => `etcd-restore ${words.replace(/[\s,]+/g, " ").trim()}`,
  );
  const joined = inLists.replaceAll("\\\n", " ");
  return [
    ...joined.matchAll(/etcd-restore(?:\.cjs"?)? +(drill|sweep|history|evidence)\b([^\n;`#]*)/g),
  ].map(([, command = "", rest = ""]) => [command, rest.match(/--[a-z-]+/g) ?? []] as const);
}

const commands = openCommands();
afterAll(() => commands.close());

test.each(files.map((file) => [path.relative(ROOT, file), file]))(
  "%s calls only what there is",
  async (_, file) => {
    for (const [name, flags] of calls(fs.readFileSync(file, "utf8"))) {
      const { code, stdout } = await commands.run([name, "--help"]);
      expect(code).toBe(0);
      for (const flag of flags) expect(stdout, `${name} ${flag}`).toContain(`${flag} `);
    }
  },
);

test("each kind of runner has its example, and each calls a drill", () => {
  const drills = files.filter((file) =>
    calls(fs.readFileSync(file, "utf8")).some(([name]) => name === "drill"),
  );
  expect(drills.map((file) => path.relative(ROOT, file))).toEqual(
    expect.arrayContaining([
      ...[
        "action.yml",
        "examples/nightly/gitlab/.gitlab-ci.yml",
        "examples/nightly/jenkins/Jenkinsfile",
      ],
      ...[
        "examples/nightly/systemd/etcd-drill.service",
        "examples/nightly/kubernetes/cronjob.yaml",
      ],
      ...["examples/nightly/argo/cronworkflow.yaml"],
    ]),
  );
});

test.each(files.filter((file) => /\.ya?ml$/.test(file)))("%s is YAML", (file) => {
  expect(typeof parse(fs.readFileSync(file, "utf8"))).toBe("object");
});

test("the rules ask for metrics that a drill writes", () => {
  const rules = fs.readFileSync(path.join(NIGHTLY, "prometheus", "alerts.yaml"), "utf8");
  const asked = new Set(rules.match(/etcd_restore_[a-z_]+/g));
  expect(asked.size).toBeGreaterThan(3);
  for (const name of asked) expect(METRICS).toContain(name);
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
test.skipIf(!promtool)(
  "the rules alert as their tests say (promtool, of Debian's package prometheus)",
  () => {
    const folder = path.join(NIGHTLY, "prometheus");
    expect(
      execFileSync("promtool", ["check", "rules", "alerts.yaml"], {
        cwd: folder,
        encoding: "utf8",
      }),
    ).toContain("SUCCESS");
    const said = execFileSync("promtool", ["test", "rules", "alerts.test.yaml"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(said).toContain("SUCCESS");
  },
);

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
test.skipIf(!analyze)("systemd takes the timer's time", () => {
  const timer = fs.readFileSync(path.join(NIGHTLY, "systemd", "etcd-drill.timer"), "utf8");
  const when = /OnCalendar=(.*)/.exec(timer)?.[1] ?? "";
  expect(spawnSync("systemd-analyze", ["calendar", when]).status).toBe(0);
});
