/** A program that makes one thing, and looks up several at the same time. */
import * as pulumi from "@pulumi/pulumi";

class Thing extends pulumi.CustomResource {
  constructor(name: string, inputs: pulumi.Inputs) {
    super("fake:index:Thing", name, inputs);
  }
}

new Thing("key", {});
for (const name of ["image", "flavor", "network", "router"]) {
  const found = pulumi.runtime.invokeOutput<{ id: string }>("fake:index:lookUp", { name });
  new Thing(name, { id: found.id });
}
