/** Small programs that end or ask in odd ways; the setting `mode` says which. */
import * as fs from "node:fs";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const log = config.require("log");

function command(name: string, options?: pulumi.CustomResourceOptions): local.Command {
  return new local.Command(
    name,
    { create: `echo create-${name} >> ${log}`, delete: `echo delete-${name} >> ${log}` },
    options,
  );
}

class Cloud extends pulumi.ProviderResource {}

const modes: Readonly<Record<string, () => void>> = {
  one: () => void command("one"),
  refuses: () => {
    throw new pulumi.RunError("snapshot: no such file; put one there");
  },
  throws: () => {
    command("one");
    throw new TypeError("an error that nobody foresaw");
  },
  exits: () => {
    command("two").stdout.apply(() => {
      // The SDK's own listener would make it 1.
      process.removeAllListeners("exit");
      process.exit(0);
    });
  },
  hangs: () => {
    command("one").stdout.apply(() => setInterval(() => undefined, 1000));
  },
  prints: () => {
    const secret = config.requireSecret("word");
    secret.apply((text) => {
      console.log(`the word is ${text}`);
      void pulumi.log.debug(`debug ${text}`);
      void pulumi.log.warn(`be careful with ${text}`);
    });
    new local.Command("loud", {
      create: `echo create-loud; echo "$WORD" >&2; head -c 200000 /dev/zero | tr '\\0' x`,
      environment: { WORD: secret },
    });
    new local.Command("silent", { create: "echo not to be seen", logging: "none" });
  },
  environment: () => {
    if (fs.readFileSync("/proc/self/environ", "utf8").includes(log)) {
      throw new pulumi.RunError("the settings are in the environment");
    }
    command("one");
  },
  reads: () => void local.Command.get("old", "some-id"),
  aliases: () => void command("one", { aliases: [{ name: "old" }] }),
  protect: () => void command("one", { protect: true }),
  retainOnDelete: () => void command("one", { retainOnDelete: true }),
  import: () => void command("one", { import: "some-id" }),
  provider: () => void command("one", { provider: new Cloud("command", "cloud") }),
  many: () => {
    for (let index = 0; index < 40; index += 1) {
      new local.Command(`many-${index}`, {
        create: `echo + >> ${log}; sleep 0.2; echo - >> ${log}`,
      });
    }
  },
};

modes[config.require("mode")]?.();
