/** A program that exports a function, as ours does, and so can be run again in the same process; the setting `mode` says how it ends. */
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

export = async () => {
  const config = new pulumi.Config();
  const word = config.requireSecret("word");
  const commands: Readonly<Record<string, string>> = {
    fails: "echo no such disk >&2; exit 7",
    waits: 'sleep 1; printf "%s" "$WORD"',
    sleeps: `echo begun >> ${config.require("log")}; sleep 60`,
  };
  const mode = config.require("mode");
  if (mode === "refuses") throw new pulumi.RunError("snapshot: no such file; put one there");
  const create = commands[mode] ?? 'printf "%s" "$WORD"';
  const made = new local.Command(
    "one",
    { create, environment: { WORD: word } },
    { additionalSecretOutputs: ["stdout"] },
  );
  if (mode === "throws") throw new TypeError("an error that nobody foresaw");
  if (mode === "exits") process.exit(0);
  if (mode === "rejects")
    made.stdout.apply(() => {
      throw new TypeError("out of an output");
    });
  await Promise.resolve();
  console.log(`run of ${pulumi.getStack()}`);
  const { TMPDIR = "", ONLY_THEN = "" } = process.env;
  const environment = { TMPDIR, ONLY_THEN };
  return { pid: process.pid, word: made.stdout, isPreview: pulumi.runtime.isDryRun(), environment };
};
