/** The `etcd-restore` program: runs what was typed, and ends with its exit code. */
import { noteBeginning } from "./began";
import { settleFolders } from "./project";
import { run } from "./run";
import { guardOutput } from "./terminal";

noteBeginning();
settleFolders();
guardOutput();
void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
