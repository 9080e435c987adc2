/** `evidence verify FILE`: whether a signed report, or a history, is what a drill wrote. */
import { Argument, type Command } from "commander";
import { openEnvelope } from "../../evidence/envelope";
import { parseHistory } from "../../evidence/history";
import { readStatement } from "../../evidence/statement";
import { verdictLine } from "../../etcd/report/verdict-line";
import { counted } from "../../etcd/wire/figures";
import { NotPlainFileError, readPlainText } from "../../files/plain-file";
import { pathFlag, pathText } from "../flags";
import { isInStore, textInStore } from "../history-place";
import type { GlobalOptions } from "../options";
import { EXIT, UserError } from "../outcome";
import { colorsFor, printJson, printText } from "../terminal";

export interface EvidenceOptions extends GlobalOptions {
  readonly key?: string;
  readonly history?: string;
}

export function declare(command: Command): void {
  command
    .description(
      "Checks what a drill has signed (report.intoto.json) by its public key, or the chain of a history. Says what is " +
        "wrong; prints the verdict that was signed.",
    )
    .addArgument(new Argument("<ACTION>", "what is done").choices(["verify"]))
    .argument("<FILE>", "signed evidence, or a history (also s3://BUCKET/KEY)", pathText)
    .addOption(pathFlag("--key <FILE>", "the public key (ed25519, PEM) that must have signed it"))
    .addOption(pathFlag("--history <FILE>", "the history must hold this drill where it says"))
    .addHelpText(
      "after",
      "\nExit codes: 0 it is what was signed, whatever its verdict; 1 it was altered, or signed by another key; 2 wrong use;\n" +
        "3 a store does not answer.\n" +
        "\nExamples:\n  npx etcd-restore evidence verify report.intoto.json --key drill.pub\n" +
        "  npx etcd-restore evidence verify drills.jsonl --key drill.pub\n" +
        "  npx etcd-restore evidence verify report.intoto.json --key drill.pub --history drills.jsonl",
    )
    .action(async (_action: string, file: string) => {
      process.exitCode = await verifyEvidence(file, command.optsWithGlobals());
    });
}

/** Checks a signed report or a history; returns the exit code. */
export async function verifyEvidence(file: string, options: EvidenceOptions): Promise<number> {
  const text = await textAt(file, "");
  const key = options.key === undefined ? undefined : textOf(options.key, "--key ");
  // An envelope begins with its payload's type, a line of a history with its version.
  if (text.startsWith('{"schemaVersion"') || text === "") {
    return historyVerified(text, file, key, options);
  }
  if (key === undefined) {
    throw new UserError(EXIT.usage, "whose signature? Give the public key with --key");
  }
  const { report, history } = readStatement(openEnvelope(text, key));
  if (options.history !== undefined) {
    if (history === undefined) {
      throw new UserError(
        EXIT.checkFailed,
        `${file} names no history: that drill was run without --history`,
      );
    }
    await checkPlace(options.history, history, key);
  }
  if (options.json === true) printJson({ schemaVersion: 1, intact: true, history, report });
  else {
    printText(
      `intact, signed by this key: ${report.drill?.name ?? report.tool}, ${report.startedAt}`,
    );
    printText(verdictLine(report, { color: colorsFor(process.stdout) }));
  }
  return EXIT.good;
}

function historyVerified(
  text: string,
  file: string,
  key: string | undefined,
  { json }: EvidenceOptions,
): number {
  const { entries, head } = parseHistory(text, file, key);
  const signed =
    key === undefined ? "without looking at signatures (--key)" : "each line signed by this key";
  if (json === true)
    printJson({
      schemaVersion: 1,
      intact: true,
      drills: entries.length,
      head,
      signed: key !== undefined,
    });
  else
    printText(
      `intact: ${counted(entries.length, "drill")}, ${signed}; the last has the hash ${head}`,
    );
  return EXIT.good;
}

/** The history must hold the drill as its so-manieth, and nothing before it can have been altered then. */
async function checkPlace(
  file: string,
  { drills, head }: { readonly drills: number; readonly head: string },
  key: string,
): Promise<void> {
  const text = await textAt(file, "--history ");
  parseHistory(text, file, key);
  const lines = text.split("\n").slice(0, drills);
  const found = parseHistory(lines.map((line) => `${line}\n`).join(""), file, key);
  if (found.head !== head || found.entries.length !== drills) {
    throw new UserError(
      EXIT.checkFailed,
      `${file} is not the history of this drill: line ${drills} should have the hash ${head}, and there are ${found.entries.length} lines up to it with ${found.head}`,
    );
  }
}

/** What lies at a place of evidence: a file, or an object. */
async function textAt(place: string, flag: string): Promise<string> {
  if (!isInStore(place)) return textOf(place, flag);
  const text = await textInStore(place);
  if (text === undefined) {
    throw new UserError(EXIT.usage, `${flag}${place}: there is no such object`);
  }
  return text;
}

function textOf(file: string, flag: string): string {
  try {
    return readPlainText(file);
  } catch (error) {
    if (!(error instanceof NotPlainFileError)) throw error;
    throw new UserError(EXIT.usage, `${flag}${file}: ${error.message}`);
  }
}
