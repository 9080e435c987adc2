/** `make-pki`: reads `{addresses, dnsNames}` on stdin, prints the PEM texts of a new set of certificates as one JSON. */
import * as z from "zod";
import { makePki } from "../../machine/pki/pki";
import { readRequest, runStep, type Step } from "./request";

const Request = z.object({
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])),
  dnsNames: z.array(z.string()),
});

export const makePkiStep: Step = async (_args, { readStdin, print }) => {
  const files = await makePki(await readRequest(Request, readStdin));
  print(`${JSON.stringify(files)}\n`);
};

runStep(module, makePkiStep);
