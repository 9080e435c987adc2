/** Where the project is, and where its stacks keep what is theirs. */
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";

/**
 * Folder of the program: `Pulumi.yaml`, the program, the sample backup. In an installed package that is where its
 * compiled code is, and nothing is ever written there.
 */
export const PROJECT_DIR = path.join(__dirname, "..");

/** Whether this is the package that `npm pack` makes, and not a checkout: there is JavaScript then. */
export const IS_PACKAGE = path.extname(__filename) === ".js";

/** The stack on this computer, which `npm start` makes. */
export const LOCAL_STACK = "local";

/**
 * Folder that what is kept lies in, and the files with a stack's settings: what ETCD_RESTORE_HOME says, else the checkout;
 * of an installed package the working directory.
 */
export function homeDirectory(): string {
  const { ETCD_RESTORE_HOME = "" } = process.env;
  if (ETCD_RESTORE_HOME !== "") return path.resolve(ETCD_RESTORE_HOME);
  return IS_PACKAGE ? process.cwd() : PROJECT_DIR;
}

/** The programs that this one starts work in other folders: what its environment says of folders must hold there. */
export function settleFolders(): void {
  if (!IS_PACKAGE) return;
  for (const name of ["ETCD_RESTORE_HOME", "ETCD_RESTORE_TOOLS"]) {
    const folder = process.env[name] ?? "";
    if (folder !== "") process.env[name] = path.resolve(folder);
  }
}

/**
 * How the program is typed here. Where it was installed for everybody, and not in a project, `npx` would ask the registry
 * for a package of that name.
 */
export function programTyped(): string {
  return IS_PACKAGE && !isInProject() ? "etcd-restore" : "npx etcd-restore";
}

/** Whether the working directory, or one above it, has the package. */
function isInProject(): boolean {
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, "node_modules", "etcd-restore", "package.json")))
      return true;
    if (folder === path.dirname(folder)) return false;
  }
}

/** How a command is typed: `npm start` in a checkout, `npx etcd-restore start` where the package is installed. */
export function typed(command: "start" | "stop", flags = ""): string {
  if (IS_PACKAGE) return `${programTyped()} ${command}${flags}`;
  return `npm ${command}${flags === "" ? "" : ` --${flags}`}`;
}

/**
 * The file with a stack's settings; it need not be there. The program ships that of the stack `local`. In the folder of
 * another Pulumi project, that project's files are none of ours.
 */
export function stackFile(stack: string): string {
  const name = `Pulumi.${stack}.yaml`;
  const shipped = path.join(PROJECT_DIR, name);
  const home = homeDirectory();
  const own = path.join(home, name);
  if (home === PROJECT_DIR || fs.existsSync(path.join(home, "Pulumi.yaml"))) return shipped;
  return fs.existsSync(own) || !fs.existsSync(shipped) ? own : shipped;
}

/**
 * Folder that holds everything of a stack on this computer: what is given, else what its file says, else `.lab`.
 * @param config settings over those of the file, by full name
 */
export function labDirectory(stack: string, config: Readonly<Record<string, string>>): string {
  const given = config["etcd-restore:labDirectory"];
  if (given !== undefined) return path.resolve(homeDirectory(), given);
  const file = stackFile(stack);
  const setting = settingInFile(file);
  if (setting !== undefined) return path.resolve(path.dirname(file), setting);
  return path.join(homeDirectory(), ".lab");
}

/** What a stack's file says of labDirectory. Nearly none does, and the parser of YAML takes a while to load. */
function settingInFile(file: string): string | undefined {
  if (!fs.existsSync(file)) return undefined;
  const text = fs.readFileSync(file, "utf8");
  if (!/^\s*(etcd-restore:)?labDirectory\s*:/m.test(text)) return undefined;
  const { config } = parse(text) as { readonly config?: Readonly<Record<string, unknown>> };
  const value = config?.["etcd-restore:labDirectory"] ?? config?.labDirectory;
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}
