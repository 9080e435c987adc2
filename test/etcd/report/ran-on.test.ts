/** Where a run took place, by what each runner says in its environment; never a login. */
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { htmlReport } from "../../../etcd/report/html";
import { junitReport } from "../../../etcd/report/junit";
import { ranOn } from "../../../etcd/report/ran-on";
import { readReport } from "./reports";
import { all, parseXml, textOf } from "./tree";

describe("where a run took place", () => {
  it.each([
    ["nowhere of a pipeline", {}, undefined],
    [
      "GitHub",
      {
        GITHUB_SERVER_URL: "https://github.com",
        GITHUB_REPOSITORY: "acme/backups",
        GITHUB_RUN_ID: "42",
      },
      "https://github.com/acme/backups/actions/runs/42",
    ],
    ["GitLab", { CI_JOB_URL: "https://git.example/a/-/jobs/7" }, "https://git.example/a/-/jobs/7"],
    ["Jenkins", { BUILD_URL: "https://ci.example/job/x/9/" }, "https://ci.example/job/x/9/"],
    ["Buildkite", { BUILDKITE_BUILD_URL: "https://bk.example/1" }, "https://bk.example/1"],
    [
      "Azure",
      {
        SYSTEM_COLLECTIONURI: "https://dev.azure.com/acme/",
        SYSTEM_TEAMPROJECT: "night runs",
        BUILD_BUILDID: "5",
      },
      "https://dev.azure.com/acme/night%20runs/_build/results?buildId=5",
    ],
    ["one with a login", { BUILD_URL: "https://me:hunter2@ci.example/9" }, "https://ci.example/9"],
    ["no link", { BUILD_URL: "javascript:alert(1)" }, undefined],
    ["no link either", { CI_JOB_URL: "the job" }, undefined],
  ])("%s", (_, environment, pipeline) => {
    expect(ranOn(environment)).toEqual({ host: hostname(), ...(pipeline && { pipeline }) });
  });

  it("stands in the page, with a link, and in the XML", () => {
    const pipeline = "https://ci.example/job/x/9/";
    const report = { ...readReport("pass"), ranOn: { host: "runner-7", pipeline } };
    const page = parseXml(htmlReport(report));
    expect(all(page, "a").map((link) => link.getAttribute("href"))).toContain(pipeline);
    expect(textOf(page)).toContain("runner-7");
    expect(junitReport(report)).toContain(`<property name="ranOn.host" value="runner-7"/>`);
  });
});

describe("the page of many differences", () => {
  it("shows the ten prefixes with most of them, and folds the rest and the keys away", () => {
    const prefix = (i: number) => ({ prefix: `/p${i}/`, missing: i, extra: 0, changed: 0 });
    const byPrefix = Array.from({ length: 70 }, (_, i) => prefix(i + 1));
    const differences = { total: 2485, byPrefix, keys: [], details: [] };
    const page = parseXml(htmlReport({ ...readReport("fail"), differences }));
    const tables = all(page, "table").filter((each) => each.getAttribute("class") === "prefixes");
    expect(tables.map((table) => all(table, "tr").length - 1)).toEqual([10, 60]);
    expect(textOf(tables[0])).toContain("/p70/");
    expect(textOf(all(page, "summary")[0])).toBe("60 more prefixes");
  });
});
