/** XML and HTML written so that forgetting to escape is impossible: whatever is put into the template is text, unless it was made by the template. */
import { visible } from "../wire/visible";

/** A piece of well-formed XML or HTML. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | undefined | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Tag for templates: ``markup`<td>${key}</td>` ``. Texts and numbers are escaped, for content and for quoted attributes
 * alike; characters that cannot be seen are written out (`visible`), except line ends inside `lines`. `undefined` is nothing.
 */
export function markup(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return {
    markup: literals.reduce((text, literal, index) => text + written(parts[index - 1]) + literal),
  };
}

/** Lines of text, each made visible by itself, with real line ends between them. */
export function lines(texts: readonly string[]): Markup {
  return { markup: texts.map(escaped).join("\n") };
}

function written(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escaped(part);
  if ("markup" in part) return part.markup;
  return part.map((piece) => piece.markup).join("");
}

function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
