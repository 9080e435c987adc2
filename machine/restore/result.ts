/** What `restore.sh` prints. */
import * as z from "zod";

/** Its line of JSON when it has restored, or found that it need not. */
export const RestoreResult = z.object({
  /** False: it was restored already and was left as it is. */
  restored: z.boolean(),
  /** When, by the machine's clock (ISO 8601, UTC); undefined for what an older script restored. */
  restoredAt: z
    .string()
    .optional()
    .transform((at) => (at === "" ? undefined : at)),
  seconds: z.object({
    /** Of the copy to the machine; not there when nothing was copied. */
    copy: z.number().optional(),
    check: z.number(),
    restore: z.number(),
    prove: z.number(),
    start: z.number(),
  }),
});
export type RestoreResult = Readonly<z.infer<typeof RestoreResult>>;

/** Its line with `--ask-first` when it needs the snapshot. */
export const SnapshotNeeded = z.object({ needed: z.literal(true) });
