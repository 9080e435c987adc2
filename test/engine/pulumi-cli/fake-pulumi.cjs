#!/usr/bin/env node
// @ts-check
// Stands in for the Pulumi CLI: notes how it was called, answers in its form, keeps "stacks" as files in its backend, and
// treats the stack file of the folder that it is run in as the CLI does: its salt belongs to one passphrase, and is
// written where there is none. It proves arguments, environment and files, and nothing about Pulumi.
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");
const { everyKindOfEvent, failedRun, goodRun } = require(
  process.env["FAKE_PULUMI_EVENTS"] ?? "./events.cjs",
);

const args = process.argv.slice(2);
const env = process.env;
const [verb, noun] = args;
/** @param {string} flag */
const after = (flag) => args[args.indexOf(flag) + 1] ?? "";
const stack = noun === "init" || noun === "rm" ? (args[2] ?? "") : after("--stack");
const own = noun === "rm" ? (args.at(-2) ?? "") : stack;

const stackFile = path.join(process.cwd(), `Pulumi.${own}.yaml`);
const config = fs.existsSync(stackFile) ? fs.readFileSync(stackFile, "utf8") : undefined;
const passphraseFile = env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "";
const passphrase =
  env["PULUMI_CONFIG_PASSPHRASE"] ??
  (passphraseFile === "" ? undefined : fs.readFileSync(passphraseFile, "utf8").trim());
fs.appendFileSync(
  env["FAKE_PULUMI_LOG"] ?? "/dev/null",
  `${JSON.stringify({
    args,
    config,
    project: fs.readFileSync(path.join(process.cwd(), "Pulumi.yaml"), "utf8"),
    backend: env["PULUMI_BACKEND_URL"],
    passphrase,
    cwd: process.cwd(),
  })}\n`,
);

const backend = env["PULUMI_BACKEND_URL"]?.startsWith("file:")
  ? fileURLToPath(env["PULUMI_BACKEND_URL"])
  : "";
const state = path.join(backend, `${own}.stack`);
const lock = path.join(backend, ".pulumi", "locks", own, "a-lock.json");
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

/** What every command does that needs the stack's secrets. */
function openSecrets() {
  if (passphrase === undefined) {
    fail("passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE");
  }
  const wanted = `v1:${crypto
    .createHash("sha256")
    .update(passphrase ?? "")
    .digest("hex")}`;
  const [, salt] = /^encryptionsalt: (.*)$/m.exec(config ?? "") ?? [];
  if (salt === undefined) fs.appendFileSync(stackFile, `encryptionsalt: ${wanted}\n`);
  else if (salt !== wanted) fail("could not create secrets manager: incorrect passphrase");
}

if (verb === "version") process.stdout.write("v3.200.0\n");
else if (verb === "stack" && noun === "init") {
  openSecrets();
  fs.writeFileSync(state, "");
} else if (verb === "stack" && noun === "rm") fs.rmSync(state);
else if (verb === "stack" && noun === "output") {
  const masked = { open: 1, word: "[secret]" };
  if (args.includes("--show-secrets")) openSecrets();
  process.stdout.write(
    JSON.stringify(args.includes("--show-secrets") ? { open: 1, word: "sesame" } : masked),
  );
} else if (verb === "stack" && noun === "history") process.stdout.write("[]");
else if (verb === "stack") {
  if (!fs.existsSync(state)) fail(`no stack named '${own}' found`);
} else if (verb === "cancel") fs.rmSync(lock, { force: true });
else {
  openSecrets();
  if (env["FAKE_PULUMI_LOCKED"] !== undefined || fs.existsSync(lock)) {
    fail("the stack is currently locked by 1 lock(s).");
  }
  fs.mkdirSync(path.dirname(lock), { recursive: true });
  fs.writeFileSync(lock, "{}");
  const end = (code = 0) => {
    fs.rmSync(lock);
    process.exitCode = code;
  };
  const hangs = env["FAKE_PULUMI_HANGS"];
  if (hangs !== undefined) {
    process.on("SIGINT", () => {
      fs.writeFileSync(hangs, "interrupted");
      end();
      process.exit(1);
    });
    fs.writeFileSync(hangs, "running");
    setInterval(() => undefined, 1000);
  } else if (env["FAKE_PULUMI_FAILS"] !== undefined) {
    tell(failedRun());
    process.stderr.write("error: update failed\n");
    end(255);
  } else {
    tell(env["FAKE_PULUMI_EVERYTHING"] === undefined ? goodRun() : everyKindOfEvent());
    end();
  }
}
