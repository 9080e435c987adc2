/**
 * `local-etcd install`: reads a request as JSON on stdin, makes everything of an etcd on this computer but its data,
 * prints where it is, and how many `seconds` it took, as one JSON. `local-etcd remove DIR`: ends it and takes all of it away.
 */
import * as path from "node:path";
import * as z from "zod";
import { installLocalEtcd, removeLocalEtcd } from "../../machine/local/local-etcd";
import { EXIT, UserError } from "../outcome";
import { readRequest, runStep, type Step } from "./request";

const Request = z.object({
  directory: z.string().refine((value) => path.isAbsolute(value), "an absolute path is needed"),
  etcdVersion: z.string(),
  programs: z.string().optional(),
  name: z.string().default("etcd-restore"),
  clientPort: z.int(),
  peerPort: z.int(),
  members: z
    .array(z.object({ name: z.string(), peerAddress: z.string(), peerPort: z.int() }))
    .optional(),
  snapshotBytes: z.int(),
  v2: z.boolean().optional(),
  certificates: z.object({
    ca: z.string(),
    server: z.string(),
    serverKey: z.string(),
    peer: z.string(),
    peerKey: z.string(),
    root: z.string(),
    rootKey: z.string(),
  }),
});

export const localEtcdStep: Step = async ([action, directory], io) => {
  const { readStdin, print, say, signal } = io;
  if (action === "install") {
    const request = await readRequest(Request, readStdin);
    const begin = performance.now();
    const installed = await installLocalEtcd(request, say, signal);
    const seconds = Math.round(performance.now() - begin) / 1000;
    print(`${JSON.stringify({ ...installed, seconds })}\n`);
  } else if (action === "remove" && directory !== undefined) {
    const left = await removeLocalEtcd(path.resolve(directory));
    if (left.length > 0) say(`left in ${directory}, because they are not ours: ${left.join(", ")}`);
  } else {
    throw new UserError(EXIT.usage, "install or remove DIR is needed");
  }
};

runStep(module, localEtcdStep);
