/** The manifest `FILE.json` beside a backup: what the source said of itself when the backup was taken. */
import * as fs from "node:fs";
import { z } from "zod";

const count = z.number().int().nonnegative();

const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  /** ISO 8601. */
  takenAt: z.iso.datetime({ offset: true }),
  /** SHA-256 of the whole file in hex. */
  sha256: z.string().regex(/^[0-9a-fA-F]{64}$/),
  bytes: count,
  source: z.object({
    revision: count,
    compactRevision: count,
    hashKv: count,
    hashKvRevision: count,
  }),
});

/** What of a manifest the proof begins with. */
export type Manifest = z.infer<typeof manifestSchema>;

/** A manifest that is there and cannot be used; the message names file and fields. */
export class ManifestError extends Error {}

/**
 * Reads the manifest of a backup; undefined when there is none.
 * @throws ManifestError when there is one that cannot be read: a proof must not silently begin later than it could.
 */
export function readManifest(backupFile: string): Manifest | undefined {
  const file = `${backupFile}.json`;
  if (!fs.existsSync(file)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (error) {
    throw new ManifestError(`cannot read the manifest ${file}: ${(error as Error).message}`);
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new ManifestError(`the manifest ${file} is not one: ${problems.join("; ")}`);
}
