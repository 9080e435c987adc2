/** `client-files write DIR` (PEM texts as JSON on stdin) and `client-files remove DIR`. */
import * as path from "node:path";
import * as z from "zod";
import { removeClientFiles, writeClientFiles } from "../../machine/pki/client-files";
import { EXIT, UserError } from "../outcome";
import { readRequest, runScript } from "./request";

const Request = z.object({ ca: z.string(), certificate: z.string(), key: z.string() });

void runScript(async ([action, directory]) => {
  if (directory === undefined || (action !== "write" && action !== "remove")) {
    throw new UserError(EXIT.usage, "write DIR or remove DIR is needed");
  }
  if (action === "write")
    await writeClientFiles(path.resolve(directory), await readRequest(Request));
  else await removeClientFiles(path.resolve(directory));
});
