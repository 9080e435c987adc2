/** Where the stacks of version 0.1 look for steps/client-files.ts when they are destroyed: a stack's state keeps the command lines it was made with. */
import { runStep } from "./steps/request";
import { clientFilesStep } from "./steps/client-files";

runStep(module, clientFilesStep);
