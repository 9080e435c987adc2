import * as fs from "node:fs";
import * as path from "node:path";

/** Path of the Pulumi CLI that a shell would find; `undefined` when there is none on PATH. */
export function findPulumiCli(searchPath = process.env.PATH ?? ""): string | undefined {
  return searchPath
    .split(path.delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => path.resolve(folder, "pulumi"))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
