/** `client-files write DIR` (PEM texts as JSON on stdin) and `client-files remove DIR`. */
import * as path from "node:path";
import * as z from "zod";
import { removeClientFiles, writeClientFiles } from "../../machine/pki/client-files";
import { EXIT, UserError } from "../outcome";
import { readRequest, runStep, type Step } from "./request";

const Request = z.object({ ca: z.string(), certificate: z.string(), key: z.string() });

export const clientFilesStep: Step = async ([action, directory], { readStdin }) => {
  if (directory === undefined || (action !== "write" && action !== "remove")) {
    throw new UserError(EXIT.usage, "write DIR or remove DIR is needed");
  }
  if (action === "write")
    await writeClientFiles(path.resolve(directory), await readRequest(Request, readStdin));
  else await removeClientFiles(path.resolve(directory));
};

runStep(module, clientFilesStep);
