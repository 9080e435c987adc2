/** Proves that the picture's data are never greener than the checks. */
import { describe, expect, it } from "vitest";
import { proofChain } from "../../../etcd/report/proof-chain";
import type { Check, Report } from "../../../etcd/report/report";
import { readReport } from "./reports";

function withCheck(report: Report, id: string, change: Partial<Check>): Report {
  const checks = report.checks.map((check) => (check.id === id ? { ...check, ...change } : check));
  return { ...report, checks };
}

function agreements(report: Report): string[] {
  return proofChain(report).links.map(({ agreement }) => agreement);
}

describe("the proof chain", () => {
  it("is closed when both links are proved", () => {
    const { nodes, links } = proofChain(readReport("pass"));
    expect(links).toEqual([
      { agreement: "same", words: ["same HashKV"] },
      { agreement: "same", words: ["same HashKV", "337 keys read back"] },
    ]);
    expect(nodes.map(({ facts }) => facts.map(({ value }) => value))).toEqual([
      ["482", undefined, "1992026518"],
      ["482", "337", "1992026518"],
      ["482", "337", "1992026518"],
    ]);
  });

  it("does not know the source without a manifest", () => {
    const { nodes, links } = proofChain(readReport("explained"));
    expect(nodes[0]).toMatchObject({ known: false, subtitle: "not known: no manifest" });
    expect(links[0].agreement).toBe("unknown");
  });

  it("marks a revision that moved on as explained and the store as the same", () => {
    const { nodes, links } = proofChain(readReport("explained"));
    expect(nodes[2].facts[0]).toEqual({ name: "Revision", value: "321", agreement: "explained" });
    expect(links[1].agreement).toBe("same");
  });

  it("trusts the check and not the numbers, which differ with the compaction they are asked for", () => {
    const report = readReport("pass");
    const moved = { ...report, restored: { ...report.restored, hashKv: 1 } };
    expect(agreements(moved)).toEqual(["same", "same"]);
  });

  it.each(["hashkv", "key-count", "read-back"])("breaks when the check %s fails", (id) => {
    expect(agreements(withCheck(readReport("pass"), id, { verdict: "fail" }))).toEqual([
      "same",
      "differs",
    ]);
  });

  it("breaks at the source when the manifest names another hash or another file", () => {
    const report = readReport("pass");
    expect(agreements(withCheck(report, "source-hashkv", { verdict: "fail" }))[0]).toBe("differs");
    const other = withCheck(report, "sha256", { verdict: "fail", source: "manifest" });
    expect(agreements(other)[0]).toBe("differs");
  });

  it("is open, not closed, where the hash was not checked or is no check at all", () => {
    expect(agreements(readReport("incomplete"))).toEqual(["unknown", "unknown"]);
    expect(agreements({ ...readReport("pass"), checks: [] })).toEqual(["unknown", "unknown"]);
  });

  it("shows no zero for what the etcd did not tell", () => {
    const { nodes } = proofChain(readReport("incomplete"));
    expect(nodes[2].facts.map(({ value }) => value)).toEqual(["568", undefined, undefined]);
    expect(proofChain(readReport("nasty")).nodes[2].known).toBe(false);
  });

  it("tells a store that was written to since from one that was never the same", () => {
    const { differences } = readReport("fail");
    const written = withCheck(readReport("pass"), "revision", { verdict: "fail" });
    expect(proofChain({ ...written, differences }).links[1]).toEqual({
      agreement: "differs",
      words: ["same HashKV then", "6 keys differ now"],
    });
  });

  it("counts what differs", () => {
    expect(proofChain(readReport("fail")).links[1].words).toEqual([
      "HashKV differs",
      "6 keys differ",
    ]);
  });
});
