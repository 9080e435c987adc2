/** PATH as it is where no Pulumi CLI is installed: what is said and done there must be seen also where there is one. */
import * as fs from "node:fs";
import * as path from "node:path";

export function pathWithoutPulumi(): string {
  return (process.env.PATH ?? "")
    .split(path.delimiter)
    .filter((folder) => !fs.existsSync(path.join(folder, "pulumi")))
    .join(path.delimiter);
}
