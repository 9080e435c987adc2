/** Reads the settings of a stack one by one, as settings.ts describes them, and keeps what is wrong with them. */
import { CidrError, parseCidrs } from "../machine/cidr";
import { NAMESPACE } from "./names";
import {
  SETTINGS,
  type NameOf,
  type NameOfWord,
  type Setting,
  type SettingName,
  type WordOf,
} from "./settings";

/** Where the settings are, by their names without the namespace: Pulumi's own `Config` is one. */
export interface GivenSettings {
  get(name: string): string | undefined;
  /** A list or an object, out of its JSON. */
  getObject(name: string): unknown;
}

/** The settings, and what is wrong with them. */
export class Reader {
  public readonly problems: string[] = [];

  constructor(private readonly given: GivenSettings) {}

  /** Said once, however often the setting is read. */
  problem(text: string): void {
    const problem = `${NAMESPACE}:${text}`;
    if (!this.problems.includes(problem)) this.problems.push(problem);
  }

  wrong(name: SettingName, given: unknown, wanted: string): void {
    this.problem(`${name} is ${JSON.stringify(given)}; it must be ${wanted}`);
  }

  /** An empty text is no setting, and one without a form is not looked at. */
  text(name: NameOf<"string">): string | undefined {
    const { default: byDefault, form, wanted = "" }: Setting & { type: "string" } = SETTINGS[name];
    const text = this.trimmed(name);
    if (text !== undefined && form?.test(text) === false) this.wrong(name, text, wanted);
    return text ?? (byDefault === "" ? undefined : byDefault);
  }

  /** As it was given, blanks around it too: they may belong to it. */
  secret(name: NameOf<"string">): string | undefined {
    return this.trimmed(name) === undefined ? undefined : this.given.get(name);
  }

  required(name: NameOf<"string">): string {
    const { required = "" }: Setting & { type: "string" } = SETTINGS[name];
    const text = this.text(name);
    if (text === undefined) this.problem(`${name} is not set; it is ${required}`);
    return text ?? "";
  }

  /** One of the words that the setting may be. */
  word<N extends NameOfWord>(name: N): WordOf<N> {
    const allowed: readonly WordOf<N>[] = SETTINGS[name].oneOf;
    const byDefault = allowed.find((word) => word === String(SETTINGS[name].default));
    const given = this.trimmed(name);
    const known = allowed.find((word) => word === given);
    if (given !== undefined && known === undefined) {
      this.wrong(name, given, `one of ${allowed.join(", ")}`);
    }
    const word = known ?? byDefault;
    if (word === undefined) throw new RangeError(`${name} has a default that it may not be`);
    return word;
  }

  flag(name: NameOf<"boolean">): boolean {
    const given = this.trimmed(name) ?? String(SETTINGS[name].default);
    if (given !== "true" && given !== "false") this.wrong(name, given, "one of true, false");
    return given === "true";
  }

  number(name: NameOf<"integer">): number {
    const {
      default: byDefault,
      most = Infinity,
      wanted = "",
    }: Setting & { type: "integer" } = SETTINGS[name];
    const given = this.trimmed(name) ?? String(byDefault);
    const number = Number(given);
    if (!/^\d+$/.test(given) || number > most) this.wrong(name, given, wanted);
    return number;
  }

  list(name: NameOf<"list">): readonly string[] {
    const given = this.given.getObject(name) ?? SETTINGS[name].default;
    if (Array.isArray(given) && given.every((item) => typeof item === "string")) return given;
    this.wrong(name, given, "a list of texts");
    return [];
  }

  object(name: NameOf<"object">): unknown {
    return this.given.getObject(name) ?? SETTINGS[name].default;
  }

  /** @param why what the computer that runs this needs of them */
  cidrs(name: NameOf<"list">, allowPublicAccess: boolean, why: string): readonly string[] {
    const given = this.list(name);
    if (given.length === 0) {
      this.problem(
        `${name} is not set; name at least the network of this computer, ${why}, like ["203.0.113.7/32"]`,
      );
    }
    try {
      return parseCidrs(name, given, allowPublicAccess).map(({ text }) => text);
    } catch (error) {
      if (!(error instanceof CidrError)) throw error;
      this.problem(error.message);
      return [];
    }
  }

  private trimmed(name: SettingName): string | undefined {
    const given = this.given.get(name)?.trim();
    return given === "" ? undefined : given;
  }
}
