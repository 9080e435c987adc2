/** `extract FILE [KIND/NAME …]`: objects out of a backup, ready for `kubectl apply -f -`, without any etcd. */
import { type Command, Option } from "commander";
import { extract as extractObjects, NothingNamedError } from "../../etcd/inspect/extract";
import type { JsonObject } from "../../etcd/kubernetes/json";
import { toJsonText, toYamlText } from "../../etcd/kubernetes/print";
import { parseSelector, SelectorError } from "../../etcd/kubernetes/selector";
import { counted } from "../../etcd/wire/figures";
import { decryptorOf, encryptionConfigOf } from "../encryption-config";
import { readNamedKeys } from "../file-argument";
import { encryptionConfigFlag, namespaceFlag, pathFlag } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT, UserError } from "../outcome";
import { print, say, visibleLines } from "../terminal";

export type ExtractOptions = GlobalOptions & {
  readonly file?: string;
  readonly namespace?: string;
  readonly selector?: string;
  readonly output: "yaml" | "json";
  readonly clean?: boolean;
  readonly encryptionConfig?: string;
};

export function declare(command: Command): void {
  command
    .description(
      "Prints objects of a backup as kubectl would, without any etcd or API server. Without KIND: all of the namespace " +
        "(itself first), or of the whole store. In an order in which they can be applied.",
    )
    .argument(
      "[WORDS...]",
      "the backup, then KIND, KIND/NAME or KIND/NAMESPACE/NAME, as kubectl takes them",
    )
    .usage("[options] <FILE> [KIND/NAME...]")
    .addOption(pathFlag("--file <FILE>", "the backup, said with a flag"))
    .addOption(namespaceFlag())
    .option("-l, --selector <LABELS>", "only objects with these labels: app=web,tier!=cache")
    .addOption(
      new Option("-o, --output <FORMAT>", "how to print them")
        .choices(["yaml", "json"])
        .default("yaml"),
    )
    .option(
      "--clean",
      "without what a server sets, and (where no KIND is given) without what controllers make again, so that kubectl apply takes it",
    )
    .addOption(encryptionConfigFlag())
    .addHelpText(
      "after",
      "\nExit codes: 0 good; 1 nothing was found, or something could not be read; 2 wrong use.\n" +
        "\nExamples:\n  npx etcd-restore extract backup.db -n shop --clean | kubectl apply -f -\n" +
        "  npx etcd-restore extract backup.db deploy/web -n shop -o json\n" +
        "  npx etcd-restore extract backup.db secrets -n shop --clean --encryption-config config.yaml\n" +
        "  npx etcd-restore extract backup.db cm,svc -l app=web",
    )
    .action(async (words: readonly string[]) => {
      process.exitCode = await extract(words, command.optsWithGlobals<ExtractOptions>());
    });
}

/** Prints what is wanted; returns the exit code. */
export async function extract(words: readonly string[], options: ExtractOptions): Promise<number> {
  const [file, ...names] = options.file === undefined ? words : [options.file, ...words];
  if (file === undefined) throw new UserError(EXIT.usage, "which backup? Give its FILE");
  const selector = options.selector === undefined ? undefined : selectorOf(options.selector);
  const decryptor = await decryptorOf(encryptionConfigOf(options.encryptionConfig));
  const opened = await readNamedKeys(file, { signal: abortOnInterrupt() });
  try {
    const { namespace, clean = false } = options;
    const request = { words: names, namespace, selector, clean };
    const asJson = options.json === true || options.output === "json";
    const printer = asJson ? jsonPrinter(isOneObject(names)) : yamlPrinter();
    const leftOut = new Map<string, number>();
    const problems: string[] = [];
    for await (const found of extractObjects(opened.live, request, decryptor)) {
      if ("object" in found) printer.object(found.object);
      else if ("problem" in found) problems.push(found.problem);
      else leftOut.set(found.resource, (leftOut.get(found.resource) ?? 0) + 1);
    }
    printer.end();
    return ended(file, { objects: printer.count(), leftOut, problems }, options.quiet === true);
  } catch (error) {
    if (!(error instanceof NothingNamedError)) throw error;
    throw new UserError(EXIT.checkFailed, `${file}: ${error.message}`);
  } finally {
    opened.close();
    decryptor?.close();
  }
}

interface Counts {
  readonly objects: number;
  readonly leftOut: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

/** How many lines about what could not be read. */
const MOST_PROBLEMS = 10;

function ended(file: string, { objects, leftOut, problems }: Counts, quiet: boolean): number {
  if (leftOut.size > 0 && !quiet) {
    const each = [...leftOut].map(([resource, count]) => `${resource} (${count})`);
    say(`left out, because they are made again by themselves: ${each.join(", ")}`);
  }
  if (problems.length > 0) {
    const more = problems.length - MOST_PROBLEMS;
    throw new UserError(
      EXIT.checkFailed,
      `${counted(problems.length, "object")} could not be read`,
      [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])],
    );
  }
  if (objects > 0 || leftOut.size > 0) return EXIT.good;
  throw new UserError(EXIT.checkFailed, `${file}: nothing in it is so named, or has these labels`);
}

function selectorOf(text: string) {
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new UserError(EXIT.usage, error.message);
    throw error;
  }
}

/** One name asks for one object, which then stands alone as with kubectl. */
function isOneObject(names: readonly string[]): boolean {
  return names.length === 1 && names[0]?.includes("/") === true;
}

/** Prints objects as they come. */
interface Printer {
  object(object: JsonObject): void;
  end(): void;
  count(): number;
}

/** On a terminal nothing that could steer it. */
function printObject(text: string): void {
  print(process.stdout.isTTY ? visibleLines(text.replaceAll("\t", "    "), false) : text);
}

function yamlPrinter(): Printer {
  let count = 0;
  return {
    object(object) {
      printObject(`${count === 0 ? "" : "---\n"}${toYamlText(object)}`);
      count += 1;
    },
    end: () => undefined,
    count: () => count,
  };
}

/** A List, as `kubectl get -o json` prints it; never held as a whole. */
function jsonPrinter(one: boolean): Printer {
  let count = 0;
  let alone: JsonObject | undefined;
  const indented = (object: JsonObject) => toJsonText(object).trimEnd().replace(/^/gm, "        ");
  const item = (object: JsonObject) => {
    const before = count === 0 ? '{\n    "apiVersion": "v1",\n    "items": [\n' : ",\n";
    printObject(`${before}${indented(object)}`);
    count += 1;
  };
  return {
    object(object) {
      // Of one that was asked for by its name there may be two, in two namespaces.
      if (one && count === 0 && alone === undefined) alone = object;
      else {
        if (alone !== undefined) item(alone);
        alone = undefined;
        item(object);
      }
    },
    end() {
      if (alone !== undefined) {
        printObject(toJsonText(alone));
        count += 1;
      } else if (count > 0) printObject('\n    ],\n    "kind": "List"\n}\n');
    },
    count: () => count,
  };
}
