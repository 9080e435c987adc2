/** `version`: of this tool, and of what it stands on. */
import type { Command } from "commander";
import { name, version } from "../../package.json";
import type { GlobalOptions } from "../options";
import { printJson, printText } from "../terminal";

export function declare(command: Command): void {
  command
    .description("Prints the version of etcd-restore and of Node.js.")
    .addHelpText("after", "\nExample:\n  npx etcd-restore version")
    .action(() => {
      const node = process.versions.node;
      const { json } = command.optsWithGlobals<GlobalOptions>();
      if (json === true) printJson({ version, node });
      else printText(`${name} ${version} (Node.js ${node})`);
    });
}
