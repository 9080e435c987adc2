/** The command line of a lab, `up|down|status`: the same for every lab that this computer can have. */
import * as fs from "node:fs";
import * as path from "node:path";
import { Command } from "commander";
import { lock } from "proper-lockfile";
import { toolsDirOf } from "../machine/programs/find";
import { abortOnInterrupt } from "../scripts/interrupt";
import { EXIT, UserError } from "../scripts/outcome";
import { runProgram } from "../scripts/run-program";

/** One of us at a time on this computer, whichever clone it came from. */
const LOCKS = "/run/lock";
const LOCK_RETRIES = { retries: 5, minTimeout: 1000, maxTimeout: 1000 };

/** One lab, and what its command says of it. */
export interface Lab<Status extends { readonly running: boolean }> {
  /** As in `npm run lab:NAME`. */
  readonly name: string;
  readonly description: string;
  readonly up: string;
  readonly down: string;
  /** A line with an example of its use, indented by two. */
  readonly example: string;
  /** Brings it up, or leaves one that runs as it is. */
  bringUp(toolsDir: string, say: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** Ends and removes it; gives whether there was one. */
  takeDown(): Promise<boolean>;
  status(): Promise<Status>;
  /** For people; or only what a shell evaluates. */
  statusText(status: Status, onlyEnvironment?: boolean): string;
}

async function alone(name: string, work: () => Promise<void>): Promise<void> {
  fs.mkdirSync(LOCKS, { recursive: true });
  let unlock: () => Promise<void>;
  try {
    const file = path.join(LOCKS, `etcd-restore-${name}`);
    unlock = await lock(file, { realpath: false, retries: LOCK_RETRIES });
  } catch (error) {
    throw new UserError(
      EXIT.environment,
      `another \`npm run lab:${name}\` is at work on this computer; wait until it has ended (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  try {
    await work();
  } finally {
    await unlock();
  }
}

function commandLine<Status extends { readonly running: boolean }>(lab: Lab<Status>): Command {
  const started = Date.now();
  const say = (line: string) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  const program = new Command(`npm run lab:${lab.name} --`)
    .description(lab.description)
    .helpCommand(false)
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride()
    .addHelpText(
      "after",
      `\nExamples:\n  npm run lab:${lab.name} -- up\n  eval "$(npm run -s lab:${lab.name} -- status --env)"\n` +
        `${lab.example}\n  npm run lab:${lab.name} -- down\n` +
        "\nExit codes: 0 done (status: it runs); 1 status: it does not run; 2 wrong use; 3 this computer cannot do it.",
    );
  program
    .command("up")
    .description(lab.up)
    .action(async () => {
      const signal = abortOnInterrupt();
      await alone(lab.name, () => lab.bringUp(toolsDirOf({}), say, signal));
      process.stdout.write(lab.statusText(await lab.status()));
    });
  program
    .command("down")
    .description(lab.down)
    .action(async () => {
      await alone(lab.name, async () => {
        const was = await lab.takeDown();
        say(was ? "the lab is gone" : "there was no lab");
      });
    });
  program
    .command("status")
    .description("Says what runs, and the credentials to use it with.")
    .option("--env", "print only the lines that a shell needs to use it")
    .option("--json", "print one JSON")
    .action(async (options: { readonly env?: boolean; readonly json?: boolean }) => {
      const status = await lab.status();
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(status)}\n`
          : lab.statusText(status, options.env === true),
      );
      if (!status.running) process.exitCode = EXIT.checkFailed;
    });
  return program;
}

/** The program of a lab. */
export function runLab<Status extends { readonly running: boolean }>(
  lab: Lab<Status>,
): Promise<void> {
  return runProgram(commandLine(lab));
}
