/** `completion SHELL`: what a shell needs to complete our commands and flags. */
import { Argument, type Command } from "commander";
import type { GlobalOptions } from "../options";
import { printJson, print } from "../terminal";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function declare(command: Command): void {
  command
    .description(
      "Prints a script that makes a shell complete the commands, flags and files of etcd-restore.",
    )
    .addArgument(new Argument("<SHELL>", "whose script").choices(SHELLS))
    .addHelpText(
      "after",
      "\nExamples:\n  source <(npx etcd-restore completion bash)       # in ~/.bashrc\n" +
        "  source <(npx etcd-restore completion zsh)        # in ~/.zshrc, after compinit\n" +
        "  npx etcd-restore completion fish > ~/.config/fish/completions/etcd-restore.fish",
    )
    .action((shell: Shell) => {
      const script = SCRIPTS[shell](wordsOf(command.parent ?? command));
      const { json } = command.optsWithGlobals<GlobalOptions>();
      if (json === true) printJson({ shell, script });
      else print(script);
    });
}

/** A command with what may follow it. */
interface Words {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
}

interface Flag {
  /** `-c` and `--config`. */
  readonly names: readonly string[];
  readonly about: string;
  readonly takesValue: boolean;
  /** What may stand behind it, where that is known. */
  readonly choices: readonly string[];
}

function wordsOf(program: Command): readonly Words[] {
  const everywhere = flagsOf(program);
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    flags: [...flagsOf(command), ...everywhere],
  }));
}

function flagsOf(command: Command): readonly Flag[] {
  return command.options
    .filter(({ hidden, long }) => !hidden && long !== "--version")
    .map(({ short, long, description, required, argChoices }) => ({
      names: [short, long].filter((name) => name !== undefined),
      about: description,
      takesValue: required,
      choices: argChoices ?? [],
    }));
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Words[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(commands: readonly Words[]): string {
  const cases = commands.map(
    ({ name, flags }) => `    ${name}) words="${flags.flatMap(({ names }) => names).join(" ")}" ;;`,
  );
  const choices = new Map(
    commands.flatMap(({ flags }) =>
      flags.flatMap(({ names, choices: of }) =>
        of.length === 0 ? [] : names.map((name) => [name, of.join(" ")] as const),
      ),
    ),
  );
  return `# etcd-restore: completion for bash
_etcd_restore() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="" words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} != -* ]]; then command="\${COMP_WORDS[i]}"; break; fi
  done
  case "$before" in
${[...choices].map(([flag, of]) => `    ${flag}) mapfile -t COMPREPLY < <(compgen -W "${of}" -- "$word"); return ;;`).join("\n")}
  esac
  case "$command" in
    "") words="${commands.map(({ name }) => name).join(" ")} help" ;;
    help) words="${commands.map(({ name }) => name).join(" ")}" ;;
    completion) words="${SHELLS.join(" ")}" ;;
${cases.filter((line) => !line.trim().startsWith("completion)")).join("\n")}
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$word")
  elif [[ -z $command || $command == help || $command == completion ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _etcd_restore etcd-restore
`;
}

/** A text between single quotes of a shell, in zsh's descriptions without brackets and colons. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zshScript(commands: readonly Words[]): string {
  const plain = (text: string): string => text.replace(/[[\]:]/g, " ");
  const flags = (all: readonly Flag[]): string =>
    all
      .flatMap(({ names, about, takesValue, choices }) =>
        names.map((name) => {
          const value = choices.length > 0 ? `:value:(${choices.join(" ")})` : ":value:_files";
          return `      ${quoted(`${name}[${plain(about)}]${takesValue ? value : ""}`)}`;
        }),
      )
      .join(" \\\n");
  return `#compdef etcd-restore
# etcd-restore: completion for zsh
_etcd_restore() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  case "$words[2]" in
    help) _describe 'command' commands ;;
    completion) _values 'shell' ${SHELLS.join(" ")} ;;
${commands
  .filter(({ name }) => name !== "completion")
  .map(
    ({ name, flags: all }) =>
      `    ${name})\n      _arguments \\\n${flags(all)} \\\n      '*:file:_files' ;;`,
  )
  .join("\n")}
  esac
}
compdef _etcd_restore etcd-restore
`;
}

function fishScript(commands: readonly Words[]): string {
  const lines = commands.flatMap(({ name, summary, flags }) => [
    `complete -c etcd-restore -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
    ...flags.map(({ names, about, takesValue, choices }) => {
      const spelled = names.map((flag) =>
        flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      const value = takesValue
        ? choices.length > 0
          ? ` -x -a ${quoted(choices.join(" "))}`
          : " -r"
        : "";
      return `complete -c etcd-restore -n '__fish_seen_subcommand_from ${name}' ${spelled.join(" ")}${value} -d ${quoted(about)}`;
    }),
  ]);
  return [
    "# etcd-restore: completion for fish",
    ...lines,
    `complete -c etcd-restore -n '__fish_seen_subcommand_from completion' -f -a ${quoted(SHELLS.join(" "))}`,
    "",
  ].join("\n");
}
