/** The version that serves is compared with the one that was wished for, where one was. */
import { expect, it } from "vitest";
import { fixture, prove, server } from "./stores";

it("fails where another etcd serves than was wished for, and says both", async () => {
  const snapshot = await fixture("main");
  const restored = await server({ version: "3.6", snapshot: snapshot.file });
  const proved = async (etcdVersion?: string) => {
    const wish = etcdVersion === undefined ? {} : { etcdVersion };
    const report = await prove(snapshot, restored, { level: "quick", ...wish });
    const check = report.checks.find(({ id }) => id === "etcd-version");
    return { verdict: report.verdict, check };
  };
  const { check: unasked } = await proved();
  expect(unasked?.verdict).toBe("pass");
  const found = unasked?.found ?? "";
  expect(found).toMatch(/^3\.6\.\d+$/);
  for (const wish of ["3.6", found]) expect((await proved(wish)).check?.verdict).toBe("pass");
  for (const wish of ["3.7", "3.6.1", "3.60"]) {
    expect(await proved(wish)).toMatchObject({
      verdict: "fail",
      check: { verdict: "fail", source: "setting", expected: wish, found },
    });
  }
});
