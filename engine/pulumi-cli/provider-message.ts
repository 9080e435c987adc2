/**
 * What a provider says of a failure, as data: the CLI hands on nothing but text. For the command provider this is
 * the one place that knows its words (pulumi-command `provider/pkg/provider`, `local/commandOutputs.go` and
 * `remote/commandOutputs.go`), so that nobody else has to look into a message.
 */

import type { Failure } from "../engine";

/** Events carry Pulumi's own colour marks, `<{%fg 1%}>` and the like. */
export function withoutColours(text: string): string {
  return text.replace(/<\{%[^%]*%\}>/g, "");
}

/**
 * What went wrong without the lines of a stack, and for a command how it ended and what it said: the provider's
 * message begins with the whole command text, `exit status 3: running "…":` here, `Process exited with status 3: …`
 * over SSH.
 */
export function failureOf(text: string): Omit<Failure, "urn"> {
  const message = text
    .replace(/^\d+ errors? occurred:\s*\*\s*/, "")
    .split("\n")
    .filter((line) => !/^\s+at /.test(line))
    .join("\n")
    .trim();
  const command =
    /^(exit status (\d+)|Process exited with status (\d+)|signal: [\w ]+): running "(?:[^"\\]|\\.)*":?\s*([\s\S]*)$/.exec(
      message,
    );
  if (command === null) return { message };
  const [, ending = "", here, overSsh, said = ""] = command;
  const status = here ?? overSsh;
  return {
    message:
      said.trim() === ""
        ? `the command ended with ${ending} and did not say why`
        : `${said.trim()} (${ending})`,
    ...(status !== undefined && { exitStatus: Number(status) }),
  };
}
