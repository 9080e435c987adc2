/**
 * The file with the identities that backups encrypted with age are opened with. The environment carries its path to the
 * engine and its steps, so that it stands in no state; the keys in it are read where they are used.
 */

/** Names the file. */
export const AGE_IDENTITY = "ETCD_RESTORE_AGE_IDENTITY";

/** Its path; undefined where none was named. */
export function ageIdentityFile(env = process.env): string | undefined {
  const { [AGE_IDENTITY]: file = "" } = env;
  return file === "" ? undefined : file;
}
