/** One thing that `up` needs, looked at. */
import type { Problem } from "../../../settings/reader";
import type { SettingName } from "../../../settings/settings";
import type { OpenStackSettings, Settings } from "../../../settings/types";

export interface Check {
  /** Stable, for scripts. */
  readonly id: string;
  readonly title: string;
  /** `not-checked`: it could not be looked at, `found` says why. */
  readonly verdict: "pass" | "fail" | "not-checked";
  readonly found: string;
  /** What to do about it; with every `fail`. */
  readonly mend?: string;
}

/** What the checks stand on. */
export interface Subject<S extends Settings<string> = Settings<string>> {
  readonly stack: string;
  /** As the program of `up` reads them; one that is wrong or sealed has its default here. */
  readonly settings: S;
  /** What is wrong with them. */
  readonly problems: readonly Problem[];
  /** Those, or parts of them, that are encrypted. */
  readonly sealed: readonly string[];
  /** What `up` says before it reads them, where it refuses them then. */
  readonly refusal: string | undefined;
}

/** A stack on OpenStack. */
export type CloudSubject = Subject<OpenStackSettings<string>>;

export const pass = (id: string, title: string, found: string): Check => ({
  id,
  title,
  verdict: "pass",
  found,
});

export const fail = (id: string, title: string, found: string, mend: string): Check => ({
  id,
  title,
  verdict: "fail",
  found,
  mend,
});

export const notChecked = (id: string, title: string, found: string): Check => ({
  id,
  title,
  verdict: "not-checked",
  found,
});

/** Why a check that stands on these settings cannot be made: one is encrypted. Undefined when none is. */
export function sealedAmong(
  { sealed }: Pick<Subject, "sealed">,
  ...names: readonly SettingName[]
): string | undefined {
  const closed = names.filter((name) =>
    sealed.some((one) => one === name || one.startsWith(`${name}.`)),
  );
  return closed.length === 0 ? undefined : `needs ${closed.join(", ")}, which is encrypted`;
}

/** The same, and where one is wrong. */
export function unknownAmong(
  subject: Pick<Subject, "sealed" | "problems">,
  ...names: readonly SettingName[]
): string | undefined {
  const wrong = names.filter((name) => problemsWith(subject, name).length > 0);
  return (
    sealedAmong(subject, ...names) ??
    (wrong.length === 0 ? undefined : `needs ${wrong.join(", ")}, which is wrong`)
  );
}

/** What is wrong with one of these settings. */
export function problemsWith(
  { problems }: Pick<Subject, "problems">,
  ...names: readonly SettingName[]
): readonly string[] {
  return problems
    .filter((problem) => names.some((name) => problem.names.includes(name)))
    .map(({ text }) => text);
}
