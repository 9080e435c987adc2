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
  /** As text; a list or an object as its JSON. */
  get(name: string): string | undefined;
  /**
   * Settings, or parts of one (`bastion.privateKey`), that are set and encrypted, and cannot be opened here: nothing is
   * said of them. `get` has another text in the place of such a part.
   * @default none
   */
  readonly sealed?: readonly string[];
}

/** What is wrong with settings. */
export interface Problem {
  readonly text: string;
  /** Of which settings, or parts of them; none where nobody knows the setting. */
  readonly names: readonly string[];
}

/** The settings, and what is wrong with them. */
export class Reader {
  public readonly problems: Problem[] = [];

  constructor(private readonly given: GivenSettings) {}

  /**
   * Said once, however often the setting is read; not at all where it stands on a setting that is sealed.
   * @param names all settings that it stands on
   */
  problem(text: string, ...names: readonly string[]): void {
    const problem = { text: `${NAMESPACE}:${text}`, names };
    if (names.some((name) => this.isSealed(name))) return;
    if (!this.problems.some((known) => known.text === problem.text)) this.problems.push(problem);
  }

  wrong(name: SettingName, given: unknown, wanted: string): void {
    this.problem(`${name} is ${JSON.stringify(given)}; it must be ${wanted}`, name);
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
    if (text === undefined) this.problem(`${name} is not set; it is ${required}`, name);
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
    const given = this.json(name) ?? SETTINGS[name].default;
    if (Array.isArray(given) && given.every((item) => typeof item === "string")) return given;
    this.wrong(name, given, "a list of texts");
    return [];
  }

  object(name: NameOf<"object">): unknown {
    return this.json(name) ?? SETTINGS[name].default;
  }

  /** @param why what the computer that runs this needs of them */
  cidrs(name: NameOf<"list">, allowPublicAccess: boolean, why: string): readonly string[] {
    const given = this.list(name);
    if (given.length === 0) {
      this.problem(
        `${name} is not set; name at least the network of this computer, ${why}, like ["203.0.113.7/32"]`,
        name,
      );
    }
    try {
      return parseCidrs(name, given, allowPublicAccess).map(({ text }) => text);
    } catch (error) {
      if (!(error instanceof CidrError)) throw error;
      this.problem(error.message, name, "allowPublicAccess");
      return [];
    }
  }

  /** A text that is no JSON stays one, which is then not what is wanted. */
  private json(name: SettingName): unknown {
    const text = this.trimmed(name);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  private isSealed(name: string): boolean {
    return (this.given.sealed ?? []).some(
      (sealed) => sealed === name || sealed.startsWith(`${name}.`) || name.startsWith(`${sealed}.`),
    );
  }

  private trimmed(name: SettingName): string | undefined {
    const given = this.given.get(name)?.trim();
    return given === "" ? undefined : given;
  }
}
