/**
 * The CLI's engine events as they stand in its log, field for field as far as we read them (pulumi/pulumi
 * `sdk/go/common/apitype/events.go`). The SDK's own types leave out several kinds, and severities.
 */

import { z } from "zod";

const resourceState = z.looseObject({ parent: z.string().optional() }).nullish();

const stepMetadata = z.looseObject({
  op: z.string(),
  urn: z.string(),
  diffs: z.array(z.string()).nullish(),
  old: resourceState,
  new: resourceState,
});
export type StepMetadata = z.infer<typeof stepMetadata>;

const step = z.looseObject({ metadata: stepMetadata }).optional();

const diagnostic = z.looseObject({
  urn: z.string().optional(),
  message: z.string(),
  /** `debug`, `info`, `info#err`, `warning`, `error`; a later CLI may know others. */
  severity: z.string(),
  ephemeral: z.boolean().optional(),
});
export type Diagnostic = z.infer<typeof diagnostic>;

const policy = z.looseObject({
  resourceUrn: z.string().optional(),
  message: z.string(),
  policyName: z.string(),
  /** `advisory` (older: `warning`), `mandatory`, `remediate`, `disabled`. */
  enforcementLevel: z.string(),
});
export type Policy = z.infer<typeof policy>;

const engineEvent = z.looseObject({
  /** No two events of one run have the same. */
  sequence: z.number().optional(),
  resourcePreEvent: step,
  resOutputsEvent: step,
  resOpFailedEvent: step,
  diagnosticEvent: diagnostic.optional(),
  policyEvent: policy.optional(),
  progressEvent: z.looseObject({ type: z.string(), message: z.string() }).optional(),
  summaryEvent: z.looseObject({ resourceChanges: z.record(z.string(), z.number()) }).optional(),
});

/** One event; `undefined` for what is none, or has another form than the one we know. */
export function engineEventOf(value: unknown): z.infer<typeof engineEvent> | undefined {
  return engineEvent.safeParse(value).data;
}
