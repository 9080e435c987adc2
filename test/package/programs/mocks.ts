// Runs the parts under Pulumi's mocks and prints what they registered: how unit tests of a user's program look.
import * as pulumi from "@pulumi/pulumi";

const registered: { readonly type: string; readonly name: string; readonly inputs: unknown }[] = [];

async function main(): Promise<void> {
  const mocks: pulumi.runtime.Mocks = {
    newResource: ({ type, name, inputs }) => {
      registered.push({ type, name, inputs: inputs as unknown });
      return { id: "", state: {} };
    },
    call: () => ({ id: "id", name: "public", ram: 4096, disk: 20, vcpus: 2 }),
  };
  // A preview: what a command prints is not known, as no command runs.
  await pulumi.runtime.setMocks(mocks, "somebody-elses", "test", true);
  // Only now, as Pulumi's guide to unit tests has it.
  const { onThisComputer, onOpenStack } = await import("./parts.js");
  if (process.argv[2] === "openstack") await onOpenStack();
  else await onThisComputer(Number(process.argv[2]), Number(process.argv[3]));
  await pulumi.runtime.disconnect();
  console.log(JSON.stringify(registered));
}

void main();
