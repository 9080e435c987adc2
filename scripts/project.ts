/** Where the project is, and where its stacks keep what is theirs. */
import * as fs from "node:fs";
import * as path from "node:path";

/** Folder of the project: `Pulumi.yaml`, the program, the sample backup. */
export const PROJECT_DIR = path.join(__dirname, "..");

/** The stack on this computer, which `npm start` makes. */
export const LOCAL_STACK = "local";

/** The file with a stack's settings; it need not be there. */
export function stackFile(stack: string): string {
  return path.join(PROJECT_DIR, `Pulumi.${stack}.yaml`);
}

/**
 * Folder that holds everything of a stack on this computer: what is given, else what its file says, else `.lab`.
 * @param config settings over those of the file, by full name
 */
export function labDirectory(stack: string, config: Readonly<Record<string, string>>): string {
  const given = config["etcd-restore:labDirectory"] ?? settingInFile(stack);
  return path.resolve(PROJECT_DIR, given ?? ".lab");
}

/** What the stack's file says of labDirectory. Nearly none does, and the parser of YAML takes a while to load. */
function settingInFile(stack: string): string | undefined {
  const file = stackFile(stack);
  if (!fs.existsSync(file)) return undefined;
  const text = fs.readFileSync(file, "utf8");
  if (!/^\s*(etcd-restore:)?labDirectory\s*:/m.test(text)) return undefined;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
  const { parse } = require("yaml") as typeof import("yaml");
  const { config } = parse(text) as { readonly config?: Readonly<Record<string, unknown>> };
  const value = config?.["etcd-restore:labDirectory"] ?? config?.labDirectory;
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}
