/** Where the stacks of version 0.1 look for steps/local-etcd.ts when they are destroyed: a stack's state keeps the command lines it was made with. */
import { runStep } from "./steps/request";
import { localEtcdStep } from "./steps/local-etcd";

runStep(module, localEtcdStep);
