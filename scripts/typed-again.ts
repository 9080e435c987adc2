/** What was typed after `start`, for a hint to type it again: quoted for a shell, and without what nobody may see. */
import type { EngineName } from "../engine/choose";
import { NAMESPACE } from "../settings/names";
import { SETTINGS, type Setting } from "../settings/settings";
import { isRemote, shownAddress } from "../sources/address";
import type { GlobalOptions } from "./options";
import { shellWord } from "./shell-word";

/** Words and flags of a run of `start`. */
export interface StartTyped extends GlobalOptions {
  readonly file?: string | undefined;
  readonly engine: EngineName;
  /** Settings, by full name. */
  readonly config: Readonly<Record<string, string>>;
}

/** Each begins with a blank, or is empty. */
export interface TypedAgain {
  readonly start: string;
  /** Those that `stop` must be told too. */
  readonly stop: string;
  /** Those that change what `doctor` looks at. */
  readonly doctor: string;
}

/** In the place of a value that nobody may see. */
const HIDDEN = "…";

export function typedAgain({ file, engine, config, json, quiet, debug }: StartTyped): TypedAgain {
  const settings = Object.entries(config).map(([name, value]) => flagOf(name, value));
  const { [`${NAMESPACE}:labDirectory`]: lab } = config;
  const words = [
    ...(file === undefined ? [] : [shellWord(file === "-" ? file : shownAddress(file))]),
    ...(engine === "auto" ? [] : [`--engine ${engine}`]),
    ...settings,
    ...Object.entries({ json, quiet, debug }).flatMap(([flag, is]) =>
      is === true ? [`--${flag}`] : [],
    ),
  ];
  return {
    start: joined(words),
    stop: joined(lab === undefined ? [] : [flagOf("labDirectory", lab)]),
    doctor: joined(settings),
  };
}

function joined(words: readonly string[]): string {
  return words.map((word) => ` ${word}`).join("");
}

/** What stands before `=` is a name that is known, and needs no quotes. */
function flagOf(fullName: string, value: string): string {
  const name = fullName.replace(`${NAMESPACE}:`, "");
  const shown = isSecret(name) ? HIDDEN : isRemote(value) ? shownAddress(value) : value;
  return `-c ${name}=${shellWord(shown)}`;
}

/** Those of the providers may be credentials. */
function isSecret(name: string): boolean {
  const known = Object.entries<Setting>(SETTINGS).find(([one]) => one === name);
  return known === undefined || known[1].isSecret === true;
}
