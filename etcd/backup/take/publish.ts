/** The names of a backup: free before it is taken, and given when it is proved to be whole; or a stream in their place. */
import * as fs from "node:fs";
import { manifestFileOf } from "../manifest";
import type { ManifestContent } from "../manifest-form";
import { openPart, type PartFile } from "./part-file";
import { TakeError } from "./source";
import type { TakeRequest } from "./take-request";

export function assertNameFree({ file, overwrite }: TakeRequest): void {
  const there = [file, manifestFileOf(file)].filter((name) => fs.existsSync(name));
  if (fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new TakeError("usage", `${file} is a directory; -o takes the name of the backup's file`);
  }
  if (there.length === 0 || overwrite === true) return;
  throw new TakeError(
    "usage",
    `${there.join(" and ")} ${there.length === 1 ? "is" : "are"} there already. Give another name, or --overwrite to ` +
      "replace it when the new backup is whole",
  );
}

/** Backup first: a file without its manifest is a backup, a manifest without its file is nothing. */
export async function publish(
  part: PartFile,
  { file }: TakeRequest,
  manifest: ManifestContent,
): Promise<void> {
  const manifestFile = manifestFileOf(file);
  const manifestPart = await openPart(manifestFile);
  try {
    await manifestPart.handle.write(`${JSON.stringify(manifest, null, 2)}\n`);
    await manifestPart.handle.sync();
    // That of the file which is replaced now would speak of another one.
    await fs.promises.rm(manifestFile, { force: true });
    await part.rename(file);
    await manifestPart.rename(manifestFile);
  } finally {
    await manifestPart.discard();
  }
}

export async function copyTo(output: NodeJS.WritableStream, file: string): Promise<void> {
  for await (const part of fs.createReadStream(file, { highWaterMark: 1 << 20 })) {
    await new Promise<void>((resolve, reject) => {
      output.write(part as Buffer, (error) => {
        if (error)
          reject(new TakeError("environment", `cannot write the backup out: ${error.message}`));
        else resolve();
      });
    });
  }
}
