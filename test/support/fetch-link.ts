/** The newest backup behind a link, fetched as a command fetches it. */
import * as fs from "node:fs";
import { fetchBackup } from "../../sources/fetch";
import { openLink } from "../../sources/https";
import { listBackups } from "../../sources/listing";

/**
 * Fetches it, and leaves nothing.
 * @param silenceMs how long the line may bring nothing
 */
export async function fetchLink(url: string, silenceMs: number) {
  const link = openLink(new URL(url), silenceMs);
  try {
    const [backup] = (await listBackups(link)).backups;
    if (backup === undefined) throw new Error("nothing is listed");
    const fetched = await fetchBackup(link, backup, { firstWaitMs: 1 });
    const bytes = fs.readFileSync(fetched.file);
    fetched.dispose();
    const { resumed, sha256, name } = fetched;
    return { bytes, resumed, sha256, name };
  } finally {
    link.close();
  }
}
