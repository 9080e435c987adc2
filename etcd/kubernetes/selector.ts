/** Label selectors as kubectl takes them: `app=web,tier!=cache,env in (a, b),!old,team`. */
import { isJsonObject, type JsonObject } from "./json";

/** Whether an object's labels fit. */
export type Selector = (object: JsonObject) => boolean;

type Test = (labels: JsonObject) => boolean;

/** A selector that cannot be read. */
export class SelectorError extends Error {}

const NAME = "[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?";
const VALUE = "[A-Za-z0-9._-]*";
const EXISTS = new RegExp(`^(!?)\\s*(${NAME})$`);
const EQUALS = new RegExp(`^(${NAME})\\s*(=|==|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${NAME})\\s+(in|notin)\\s+\\(([^()]*)\\)$`);

/** @throws SelectorError */
export function parseSelector(text: string): Selector {
  // Commas separate, but not within the brackets of a set.
  const tests = text.split(/,(?![^(]*\))/).map((part) => testOf(part.trim()));
  return ({ metadata }) => {
    const labels = isJsonObject(metadata) && isJsonObject(metadata.labels) ? metadata.labels : {};
    return tests.every((test) => test(labels));
  };
}

function testOf(part: string): Test {
  const exists = EXISTS.exec(part);
  if (exists !== null) {
    const [, not, name = ""] = exists;
    return (labels) => Object.hasOwn(labels, name) !== (not === "!");
  }
  const equals = EQUALS.exec(part);
  if (equals !== null) {
    const [, name = "", operator, value = ""] = equals;
    return (labels) => (own(labels, name) === value) !== (operator === "!=");
  }
  const set = SET.exec(part);
  if (set !== null) {
    const [, name = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return (labels) => {
      const value = own(labels, name);
      return (value !== undefined && values.includes(value)) !== (operator === "notin");
    };
  }
  throw new SelectorError(
    `${JSON.stringify(part)} is no label selector; they look like app=web, tier!=cache, env in (a,b), !old`,
  );
}

function own(labels: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
  return typeof value === "string" ? value : undefined;
}
