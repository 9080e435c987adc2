/** A page whose commands are run: its `console` blocks, with what each command prints. */

/** One command of the page and what the page says that it prints on stdout. */
export interface Step {
  readonly command: string;
  readonly printed: string;
}

interface Part {
  /** Text between commands, as it stands. */
  readonly text: string;
  readonly step?: Step;
}

/** Takes a page apart: `join` of the same parts is the page again. */
export function takeApart(page: string): readonly Part[] {
  const parts: Part[] = [];
  let text: string[] = [];
  let command: string[] | undefined;
  let printed: string[] = [];
  let inside = false;
  const finish = () => {
    if (command === undefined) return;
    const step = { command: command.join("\n"), printed: printed.join("\n") };
    parts.push({ text: text.map((line) => `${line}\n`).join(""), step });
    [text, command, printed] = [[], undefined, []];
  };
  for (const line of page.split("\n")) {
    if (inside && command !== undefined && (line.startsWith("$ ") || line.startsWith("```")))
      finish();
    if (inside && line.startsWith("$ ")) command = [line.slice(2)];
    else if (command?.at(-1)?.endsWith("\\") === true && printed.length === 0) command.push(line);
    else if (command !== undefined) printed.push(line);
    else text.push(line);
    if (line.startsWith("```")) inside = line === "```console";
  }
  parts.push({ text: text.join("\n") });
  return parts;
}

/** The page of parts; `printed` says what each command prints now. */
export function putTogether(
  parts: readonly Part[],
  printed: (step: Step, index: number) => string,
): string {
  let index = 0;
  return parts
    .map(({ text, step }) => {
      if (step === undefined) return text;
      const output = printed(step, index++);
      return `${text}$ ${step.command}\n${output === "" ? "" : `${output}\n`}`;
    })
    .join("");
}

/** What two runs of a command have in common: words, and where numbers, ids and times stand. */
export function commonForm(output: string): string {
  return (
    output
      // A pod of ours that has done its work may still be on its way out.
      .replace(/^.*\betcd-restore-[0-9a-f]{8}-\d+-[0-9a-f]{6}\n/gm, "")
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UID")
      .replace(/\b[0-9a-f]{16,}\b/g, "HEX")
      .replace(/\bweb-[a-z0-9]+-[a-z0-9]{5}\b/g, "web-POD")
      .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+( UTC|Z)?/g, "TIME")
      .replace(/\d[\d,.]*/g, "0")
      // An age, as kubectl writes it, may be of seconds alone.
      .replace(/\b0[smhd](0[smhd])?\b/g, "AGE")
      .replace(/\b0( ?)(bytes|KiB|MiB|GiB|s|min|ms)\b/g, "0 UNIT")
      .replace(/[─]+/g, "─")
      .replace(/[ \t]+/g, " ")
      .trim()
  );
}
