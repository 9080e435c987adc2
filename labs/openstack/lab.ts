/** `lab:openstack up|down|status`: an OpenStack on this computer, for whoever has none to try this on. */
import * as fs from "node:fs";
import * as path from "node:path";
import { Command, CommanderError } from "commander";
import { lock } from "proper-lockfile";
import { toolsDirOf } from "../../machine/programs/find";
import { abortOnInterrupt } from "../../scripts/interrupt";
import { exitCodeOfError } from "../../scripts/errors";
import { EXIT, UserError } from "../../scripts/outcome";
import { bringUp, takeDown } from "./bring-up";
import { labStatus, statusText } from "./status";

/** One of us at a time on this computer, whichever clone it came from. */
const LOCK = "/run/lock/etcd-restore-openstack";
const LOCK_RETRIES = { retries: 5, minTimeout: 1000, maxTimeout: 1000 };

async function alone(work: () => Promise<void>): Promise<void> {
  fs.mkdirSync(path.dirname(LOCK), { recursive: true });
  let unlock: () => Promise<void>;
  try {
    unlock = await lock(LOCK, { realpath: false, retries: LOCK_RETRIES });
  } catch (error) {
    throw new UserError(
      EXIT.environment,
      `another \`npm run lab:openstack\` is at work on this computer; wait until it has ended (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  try {
    await work();
  } finally {
    await unlock();
  }
}

function commandLine(): Command {
  const started = Date.now();
  const say = (line: string) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  const program = new Command("npm run lab:openstack --")
    .description(
      "An OpenStack on this computer: keystone, glance, placement, nova with QEMU, and neutron, from Debian 12's packages.\n" +
        "It lives in namespaces of its own; this computer reaches it at 203.0.113.194, and nobody else does.",
    )
    .helpCommand(false)
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride()
    .addHelpText(
      "after",
      '\nExamples:\n  npm run lab:openstack -- up\n  eval "$(npm run -s lab:openstack -- status --env)"\n' +
        "  npx etcd-restore doctor --target openstack\n  npm run lab:openstack -- down\n" +
        "\nExit codes: 0 done (status: it runs); 1 status: it does not run; 2 wrong use; 3 this computer cannot do it.",
    );
  program
    .command("up")
    .description(
      "Installs what is missing, builds the image once, starts everything and waits until it works.\n" +
        "A lab that runs already is left as it is. Needs root, Debian 12, 4 GiB of memory.",
    )
    .action(async () => {
      const signal = abortOnInterrupt();
      await alone(() => bringUp(toolsDirOf({}), say, signal));
      process.stdout.write(statusText(await labStatus()));
    });
  program
    .command("down")
    .description(
      "Ends it and removes it, with every server in it. Nothing but packages and the built image stays.",
    )
    .action(async () => {
      await alone(async () => {
        const was = await takeDown();
        say(was ? "the lab is gone" : "there was no lab");
      });
    });
  program
    .command("status")
    .description("Says what runs, and the credentials to use it with.")
    .option("--env", "print only the lines that a shell needs to use it")
    .option("--json", "print one JSON")
    .action(async (options: { readonly env?: boolean; readonly json?: boolean }) => {
      const status = await labStatus();
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(status)}\n`
          : statusText(status, options.env === true),
      );
      if (!status.running) process.exitCode = EXIT.checkFailed;
    });
  return program;
}

async function main(): Promise<void> {
  try {
    await commandLine().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.usage;
      return;
    }
    process.exitCode = exitCodeOfError(error);
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

void main();
