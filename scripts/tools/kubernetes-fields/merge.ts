/** Tables of several versions of Kubernetes' API in one: what a newer one has dropped may still be stored. */

/** What fields.json holds. */
export interface Table {
  readonly about: string;
  readonly format: string;
  readonly version: string;
  readonly modules: Readonly<Record<string, string>>;
  readonly groups: Readonly<Record<string, string>>;
  readonly messages: Readonly<Record<string, string>>;
}

/**
 * The table with what a newer version has added: groups, kinds, messages, fields. What both have stays as the older one
 * prints it, so that the truth that it is compared with stays the truth; what the newer one has dropped may still be stored.
 */
export function withAdditions(older: Table, newer: Table): Table {
  return {
    ...newer,
    modules: { ...older.modules, ...newer.modules },
    groups: merged(older.groups, newer.groups, kindsOfBoth),
    messages: merged(older.messages, newer.messages, fieldsOfBoth),
  };
}

function merged(
  older: Readonly<Record<string, string>>,
  newer: Readonly<Record<string, string>>,
  both: (older: string, newer: string) => string,
): Readonly<Record<string, string>> {
  const names = [...new Set([...Object.keys(older), ...Object.keys(newer)])].sort();
  return Object.fromEntries(
    names.map((name) => {
      const [before, now] = [older[name], newer[name]];
      if (now === undefined || before === undefined) return [name, now ?? before ?? ""];
      return [name, both(before, now)];
    }),
  );
}

/** `apps.v1 DaemonSet Deployment` */
function kindsOfBoth(older: string, newer: string): string {
  const [name = "", ...kinds] = older.split(" ");
  return [name, ...[...new Set([...kinds, ...newer.split(" ").slice(1)])].sort()].join(" ");
}

/** Protobuf gives no number out again, so that one that is gone still means what it meant. */
function fieldsOfBoth(older: string, newer: string): string {
  const fields = older === "" ? [] : older.split(", ");
  const numberOf = (field: string) => field.split(" ")[0];
  const numbers = new Set(fields.map(numberOf));
  const added = newer.split(", ").filter((field) => field !== "" && !numbers.has(numberOf(field)));
  return [...fields, ...added.map(onlyIfStored)].join(", ");
}

/** A field that older objects do not have is printed where it was stored, which Go does with every one that it prints. */
function onlyIfStored(field: string): string {
  const [number = "", name = "", type = ""] = field.split(" ");
  const isOptional = name.endsWith("?");
  // Go prints a message under omitempty even where it is empty; what it makes of a scalar then is right already.
  if (/^[*[{]/.test(type) || (isOptional && !/[A-Z]/.test(type))) {
    return isOptional ? field : `${number} ${name}? ${type}`;
  }
  return `${number} ${name.replace(/\?+$/, "")}? *${type}`;
}
