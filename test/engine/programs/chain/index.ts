/** Commands that depend on each other; what each of them does is written to the file `log`. */
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const log = config.require("log");
const password = config.requireSecret("password");
const text = config.require("text");
const revision = config.require("revision");

if (config.getBoolean("refuse") === true) throw new pulumi.RunError("not today");

/** Shell text that notes what happens. */
const note = (what: string): string => `echo ${what} >> ${log}`;

class Chain extends pulumi.ComponentResource {
  readonly last: pulumi.Output<string>;

  constructor(name: string) {
    super("chain:index:Chain", name);
    const first = new local.Command(
      "first",
      {
        create: `${note("create-first")}; echo out-first`,
        update: `${note("update-first")}; echo "was $PULUMI_COMMAND_STDOUT"`,
        delete: note("delete-first"),
        environment: { TEXT: text },
      },
      { parent: this },
    );
    const second = new local.Command(
      "second",
      {
        create: `${note("create-second")}; cat; echo "; $FIRST"`,
        stdin: "from stdin",
        delete: note("delete-second"),
        environment: { FIRST: first.stdout },
      },
      { parent: this },
    );
    const third = new local.Command(
      "third",
      {
        create: `${note(`create-third-${revision}`)}; echo third-${revision}`,
        delete: note(`delete-third-${revision}`),
        triggers: [revision],
      },
      {
        parent: this,
        dependsOn: [second],
        deleteBeforeReplace: config.getBoolean("deleteFirst") ?? false,
      },
    );
    const fourth = new local.Command(
      "fourth",
      {
        create: `${note("create-fourth")}; echo $$ > ${log}.pid; sleep ${config.get("sleep") ?? "0"}; echo "token $PASSWORD"`,
        delete: note("delete-fourth"),
        environment: { PASSWORD: password },
        triggers: [third.stdout],
      },
      { parent: this, additionalSecretOutputs: ["stdout"] },
    );
    this.last = fourth.stdout;
    if (config.getBoolean("dropFifth") !== true) {
      const failing = config.getBoolean("fail") === true;
      new local.Command(
        "fifth",
        {
          create: `${note("create-fifth")}; ${failing ? "echo this is the reason >&2; exit 3" : "pwd"}`,
          delete: note("delete-fifth"),
        },
        { parent: this, dependsOn: [fourth] },
      );
    }
    this.registerOutputs({ last: this.last });
  }
}

const chain = new Chain("chain");
export const last = chain.last;
export const greeting = "hello";
export const nested = { password, open: 1 };
