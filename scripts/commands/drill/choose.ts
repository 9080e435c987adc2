/** Which backup a drill restores: the file that was named, or the newest or a drawn one of a folder. */
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { isUnfinished } from "../../../etcd/backup/kinds";
import { describeFileError, statOf } from "../../../files/plain-file";
import { EXIT, UserError } from "../../outcome";
import { takenOf, type Taken } from "./age";

export interface ChooseOptions {
  /** Draw one of the newest so many. @default the newest is taken */
  readonly random?: number | undefined;
  /** What decides which is drawn. @default one is made */
  readonly seed?: string | undefined;
}

export interface Chosen {
  /** The backup, on this computer. */
  readonly file: string;
  readonly taken: Taken | undefined;
  /** Newer ones that were not taken, with the reason. */
  readonly passedOver: readonly PassedOver[];
  readonly random?: { readonly seed: string; readonly among: number } | undefined;
}

export interface PassedOver {
  readonly name: string;
  readonly reason: string;
}

/** Nothing there can be restored. Its message says what was passed over. */
export class NoBackupError extends UserError {
  constructor(
    message: string,
    readonly passedOver: readonly PassedOver[],
  ) {
    super(EXIT.checkFailed, message);
  }
}

/**
 * Chooses a backup out of a folder.
 * @throws NoBackupError when none in it is complete
 * @throws UserError when it cannot be listed
 */
export function chooseBackup(source: string, options: ChooseOptions): Chosen {
  const folder = path.resolve(source);
  const passedOver: PassedOver[] = [];
  const complete: { readonly file: string; readonly taken: Taken }[] = [];
  for (const name of namesIn(folder)) {
    const file = path.join(folder, name);
    const stats = statOf(file);
    const taken = stats?.isFile() === true ? takenOf(file) : undefined;
    if (stats === undefined || taken === undefined) continue;
    if (isUnfinished(name)) passedOver.push({ name, reason: "it is still being written" });
    else if (stats.size === 0) passedOver.push({ name, reason: "it is empty" });
    else complete.push({ file, taken });
  }
  complete.sort((a, b) => b.taken.at.getTime() - a.taken.at.getTime());
  const { length } = complete;
  const among = Math.min(options.random ?? 1, length);
  const seed = options.seed ?? randomBytes(8).toString("hex");
  const chosen = complete[options.random === undefined ? 0 : draw(seed, among)];
  if (chosen === undefined) {
    const told = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
    throw new NoBackupError(
      `there is no backup in ${folder}${told === "" ? "" : ` (${told})`}`,
      passedOver,
    );
  }
  return {
    ...chosen,
    passedOver,
    ...(options.random === undefined ? {} : { random: { seed, among } }),
  };
}

/** A number below `among` that a seed gives, each as likely as another. */
export function draw(seed: string, among: number): number {
  const digest = createHash("sha256").update(seed).digest();
  // 2^48 is so far beyond any number of backups that the remainder favours none.
  return among === 0 ? 0 : digest.readUIntBE(0, 6) % among;
}

/** Files that may be backups: hidden ones and manifests are none. */
function namesIn(folder: string): readonly string[] {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => !name.startsWith(".") && !name.endsWith(".json"));
  } catch (error) {
    throw new UserError(EXIT.usage, `--from ${folder}: ${describeFileError(error)}`);
  }
}
