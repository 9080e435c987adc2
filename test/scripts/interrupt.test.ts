import { afterEach, expect, it } from "vitest";
import { abortOnInterrupt } from "../../scripts/interrupt";

const warnings: string[] = [];
const note = ({ name }: Error) => void warnings.push(name);
afterEach(() => {
  process.off("warning", note);
});

it("is waited for by any number of calls without a warning of a leak", async () => {
  process.on("warning", note);
  const signal = abortOnInterrupt();
  const listener = () => undefined;
  const all = Array.from({ length: 40 }, () => listener.bind(undefined));
  for (const each of all) signal.addEventListener("abort", each);
  await new Promise((resolve) => setTimeout(resolve, 10)); // a warning is told on the next tick
  for (const each of all) signal.removeEventListener("abort", each);
  expect(warnings).toEqual([]);
});
