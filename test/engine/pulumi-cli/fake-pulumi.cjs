#!/usr/bin/env node
// @ts-check
// Stands in for the Pulumi CLI: notes how it was called, answers in its form, keeps "stacks" as files in its backend, and writes
// into the user's stack file what the CLI writes there. It proves arguments and environment, and nothing about Pulumi.
const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");

const args = process.argv.slice(2);
const env = process.env;
const [verb, noun] = args;
/** @param {string} flag */
const after = (flag) => args[args.indexOf(flag) + 1] ?? "";

const config = args.includes("--config-file")
  ? fs.readFileSync(after("--config-file"), "utf8")
  : undefined;
fs.appendFileSync(
  env["FAKE_PULUMI_LOG"] ?? "/dev/null",
  `${JSON.stringify({
    args,
    config,
    backend: env["PULUMI_BACKEND_URL"],
    passphraseFile: env["PULUMI_CONFIG_PASSPHRASE_FILE"],
    cwd: process.cwd(),
  })}\n`,
);

const backend = env["PULUMI_BACKEND_URL"]?.startsWith("file:")
  ? fileURLToPath(env["PULUMI_BACKEND_URL"])
  : "";
/** @param {string} stack */
const stackOf = (stack) => path.join(backend, `${stack}.stack`);
/** @param {string} message */
const fail = (message) => {
  process.stderr.write(`error: ${message}\n`);
  process.exit(255);
};

/** @param {object[]} events */
function tell(events) {
  // From 3.206 on events go over gRPC; this one says that it is older and appends them to a file.
  fs.appendFileSync(
    after("--event-log"),
    events
      .map((event, sequence) => `${JSON.stringify({ sequence, timestamp: 0, ...event })}\n`)
      .join(""),
  );
}

const urn = "urn:pulumi:test::chain::command:local:Command::first";
/** @param {string} op */
const metadata = (op) => ({ op, urn, type: "command:local:Command", new: { parent: "" } });

if (verb === "version") process.stdout.write("v3.200.0\n");
else if (verb === "stack" && noun === "init") {
  fs.writeFileSync(stackOf(args[2] ?? ""), "");
  fs.appendFileSync(
    path.join(process.cwd(), `Pulumi.${args[2]}.yaml`),
    "encryptionsalt: v1:written-by-stack-init\n",
  );
} else if (verb === "stack" && noun === "rm") {
  fs.rmSync(stackOf(args.at(-2) ?? ""));
} else if (verb === "stack" && noun === "output") {
  const masked = { open: 1, word: "[secret]" };
  process.stdout.write(
    JSON.stringify(args.includes("--show-secrets") ? { open: 1, word: "sesame" } : masked),
  );
} else if (verb === "stack" && noun === "history") process.stdout.write("[]");
else if (verb === "stack") {
  if (!fs.existsSync(stackOf(after("--stack")))) fail(`no stack named '${after("--stack")}' found`);
} else if (env["FAKE_PULUMI_LOCKED"] !== undefined) {
  fail("the stack is currently locked by 1 lock(s).");
} else if (env["FAKE_PULUMI_HANGS"] !== undefined) {
  process.on("SIGINT", () => {
    fs.writeFileSync(env["FAKE_PULUMI_HANGS"] ?? "", "interrupted");
    process.exit(1);
  });
  fs.writeFileSync(env["FAKE_PULUMI_HANGS"], "running");
  setInterval(() => undefined, 1000);
} else if (env["FAKE_PULUMI_FAILS"] !== undefined) {
  const message = 'exit status 3: running "echo \\"the reason\\" >&2; exit 3":\nthe reason\n';
  tell([
    { resourcePreEvent: { metadata: metadata("create") } },
    {
      diagnosticEvent: {
        urn,
        severity: "error",
        color: "raw",
        message: `<{%fg 1%}>${message}<{%reset%}>`,
      },
    },
    { resOpFailedEvent: { metadata: metadata("create"), status: 0, steps: 1 } },
    {
      diagnosticEvent: {
        urn: "urn:pulumi:test::chain::pulumi:pulumi:Stack::chain-test",
        severity: "error",
        color: "raw",
        message: "update failed",
      },
    },
    { summaryEvent: { resourceChanges: { same: 1 }, durationSeconds: 1 } },
  ]);
  fail("update failed");
} else {
  tell([
    { resourcePreEvent: { metadata: metadata("create") } },
    { diagnosticEvent: { urn, severity: "info", color: "raw", message: "said by the command\n" } },
    { resOutputsEvent: { metadata: metadata("create") } },
    { summaryEvent: { resourceChanges: { create: 1, same: 2, read: 4 }, durationSeconds: 1 } },
  ]);
}
