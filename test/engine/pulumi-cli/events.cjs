// @ts-check
/**
 * Engine events as the CLI writes them into its log, field for field (pulumi/pulumi v3.248.0
 * `sdk/go/common/apitype/events.go`, converted by `pkg/backend/display/events.go`).
 */
"use strict";

const STACK = "urn:pulumi:test::chain::pulumi:pulumi:Stack::chain-test";
const FIRST = "urn:pulumi:test::chain::command:local:Command::first";

/** @param {string} op @param {object} [inputs] */
function metadata(op, inputs = {}) {
  const provider = "urn:pulumi:test::chain::pulumi:providers:command::default_1_2_1::some-id";
  const state = {
    ...{ type: "command:local:Command", urn: FIRST, custom: true, id: "", parent: STACK },
    ...{ inputs, outputs: inputs, provider },
  };
  return {
    ...{ op, urn: FIRST, type: "command:local:Command", old: null, new: state },
    ...{ detailedDiff: null, logical: true, provider },
  };
}

/** @param {string} severity @param {string} message @param {object} [more] */
function diagnostic(severity, message, more = {}) {
  return { diagnosticEvent: { message, color: "raw", severity, ...more } };
}

/** @param {Record<string, number>} resourceChanges */
function summary(resourceChanges) {
  const rest = { maybeCorrupt: false, durationSeconds: 1, PolicyPacks: {}, isPreview: false };
  return { summaryEvent: { ...rest, resourceChanges } };
}

exports.goodRun = () => [
  { preludeEvent: { config: {} } },
  { resourcePreEvent: { metadata: metadata("create") } },
  diagnostic("info", "said by the command\n", { urn: FIRST }),
  { resOutputsEvent: { metadata: metadata("create") } },
  summary({ create: 1, same: 2, read: 4 }),
  { cancelEvent: {} },
];

exports.failedRun = () => {
  const message = 'exit status 3: running "echo \\"the reason\\" >&2; exit 3":\nthe reason\n';
  return [
    { resourcePreEvent: { metadata: metadata("create") } },
    diagnostic("error", `<{%fg 1%}>${message}<{%reset%}>`, { urn: FIRST }),
    { resOpFailedEvent: { metadata: metadata("create"), status: 0, steps: 1 } },
    diagnostic("error", "update failed", { urn: STACK }),
    summary({ same: 1 }),
  ];
};

/** A text that must never be shown, and says where it was. @param {string} where */
const canary = (where) => `canary-in-${where}`;
const KEY =
  "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----";

/** Every kind there is, and two that there is not yet; what is not for people has a canary in it. */
exports.everyKindOfEvent = () => [
  { preludeEvent: { config: { "chain:password": canary("prelude") } } },
  {
    progressEvent: {
      ...{ type: "plugin-download", id: "command", message: "Downloading plugin command" },
      ...{ received: 1, total: 2, done: false },
    },
  },
  { progressEvent: { type: "future-progress", id: "x", message: canary("future-progress") } },
  { startDebuggingEvent: { config: { secret: canary("start-debugging") } } },
  { stdoutEvent: { message: canary("stdout"), color: "raw" } },
  { resourcePreEvent: { metadata: metadata("create", { key: canary("inputs") }) } },
  diagnostic("debug", `RegisterResource RPC finished: resource:first; "${canary("debug")}"`),
  diagnostic("debug", `prepared: {"serverKey":"${canary("debug-urn")}"}`, { urn: FIRST }),
  diagnostic("debug", canary("debug-ephemeral"), { ephemeral: true }),
  diagnostic("trace", canary("severity-that-is-not-known")),
  diagnostic("info", `<{%reset%}>for people<{%reset%}>\n`),
  diagnostic("info#err", "the program's stderr\n", { urn: STACK, streamID: 1 }),
  diagnostic("info", "50 %", { urn: FIRST, ephemeral: true }),
  diagnostic("info", `the key is ${KEY} and the word open-sesame-of-the-environment`),
  diagnostic("warning", "be careful with open-sesame-of-the-environment"),
  {
    policyEvent: {
      ...{ resourceUrn: FIRST, message: "no public ports", color: "raw", policyName: "ports" },
      ...{ policyPackName: "p", policyPackVersion: "1", policyPackVersionTag: "1" },
      enforcementLevel: "advisory",
    },
  },
  {
    policyRemediationEvent: {
      ...{ resourceUrn: FIRST, color: "raw", policyName: "ports", policyPackName: "p" },
      ...{ before: { key: canary("policy-before") }, after: { key: canary("policy-after") } },
    },
  },
  { policyLoadEvent: {} },
  { policyAnalyzeSummaryEvent: { resourceUrn: FIRST, passed: [canary("analyze")], failed: [] } },
  { policyRemediateSummaryEvent: { resourceUrn: FIRST, passed: [canary("remediate")] } },
  { policyAnalyzeStackSummaryEvent: { policyPackName: "p", passed: [canary("analyze-stack")] } },
  { errorEvent: { error: canary("error-of-the-engine") } },
  { futureEvent: { message: canary("future"), severity: "info" } },
  { diagnosticEvent: { severity: "info", text: canary("another-form") } },
  { resOutputsEvent: { metadata: metadata("create", { key: canary("outputs") }) } },
  summary({ create: 1 }),
  { cancelEvent: {} },
];
