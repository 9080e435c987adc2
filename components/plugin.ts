/**
 * What Pulumi starts for programs in other languages (PulumiPlugin.yaml): serves `LocalRestore` by the schema that its own
 * analyzer made of it (schema.json, kept up to date by a test). The SDK's host for components would need the TypeScript
 * sources and the compiler each time, and an installed package has neither.
 */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { version } from "../package.json";
import schema from "../schema.json";
import { isRemote } from "../sources/address";
import { LocalRestore, type LocalRestoreArgs } from "./local-restore";
import { nameFilesAbsolutely } from "./script";

const TYPE = "etcd-restore:index:LocalRestore";

const provider: pulumi.provider.Provider = {
  version,
  schema: JSON.stringify(schema),
  construct: (name, type, inputs, options) => {
    if (type !== TYPE) throw new Error(`there is no ${type}; ${TYPE} is what there is`);
    const component = new LocalRestore(name, argsOf(name, inputs), options);
    const outputs = Object.keys(schema.resources[TYPE].properties);
    const state = outputs.map((output) => [output, Reflect.get(component, output) as unknown]);
    return Promise.resolve({
      urn: component.urn,
      state: Object.fromEntries(state) as pulumi.Inputs,
    });
  },
};

/** The engine has checked them by the schema. What it cannot know: this process runs in a folder of its own. */
function argsOf(name: string, inputs: pulumi.Inputs): LocalRestoreArgs {
  const args = inputs as LocalRestoreArgs;
  const { snapshot, labDirectory } = args;
  const relative = Object.entries({ snapshot: isRemote(snapshot) ? "/" : snapshot, labDirectory })
    .filter(([, given]) => !path.isAbsolute(given))
    .map(([property, given]) => `${property} is ${JSON.stringify(given)}`);
  if (relative.length === 0) return args;
  throw new pulumi.RunError(`${name}: ${relative.join(", ")}; a whole path is needed here`);
}

nameFilesAbsolutely();
void pulumi.provider.main(provider, process.argv.slice(2));
