/** The `etcd-restore` program: runs what was typed, and ends with its exit code. */
import { noteBeginning } from "./began";
import { EXIT } from "./outcome";
import { settleFolders } from "./project";
import { run } from "./run";
import { guardOutput, outputProblem, say } from "./terminal";

noteBeginning();
settleFolders();
guardOutput();
void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
  // Only now everything that was printed has been written, or not.
  process.once("exit", () => {
    const problem = outputProblem();
    if (problem === undefined) return;
    say(`error: the output could not be written: ${problem}`);
    if (process.exitCode === EXIT.good) process.exitCode = EXIT.environment;
  });
});
