import { version } from "@pulumi/pulumi/package.json";
import { expect, it } from "vitest";
import { dependencies } from "../../package.json";

it("the SDK is exactly the one whose protocol and internals the engines were held against", () => {
  // Another version? Read engine/embedded/{program,monitor,preload} and engine/pulumi-cli/cli-process against it, and
  // run all of test/engine, with ENGINE=pulumi as well.
  expect(version).toBe("3.248.0");
  expect(dependencies["@pulumi/pulumi"]).toBe("3.248.0");
});
