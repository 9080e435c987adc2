/** One thing that `up` needs, looked at. */

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
export interface Subject {
  readonly target: "local" | "openstack";
  readonly stack: string;
  /** A setting of the stack by its short name, or the project's default; undefined when it is not set. */
  readonly setting: (name: string) => unknown;
}

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

/** A setting that is a text; undefined when it is empty, which is Pulumi.yaml's way to leave it out. */
export function textSetting({ setting }: Subject, name: string): string | undefined {
  const value = setting(name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A setting that is a number above 0; 0 leaves it out. */
export function numberSetting({ setting }: Subject, name: string): number | undefined {
  const value = Number(setting(name) ?? 0);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}
