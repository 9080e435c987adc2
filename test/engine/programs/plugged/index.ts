/** A program over resource types and a function that only the test knows. */
import * as pulumi from "@pulumi/pulumi";

class Thing extends pulumi.CustomResource {
  declare readonly address: pulumi.Output<string>;

  constructor(name: string, inputs: pulumi.Inputs, options?: pulumi.CustomResourceOptions) {
    super("fake:index:Thing", name, { address: undefined, ...inputs }, options);
  }
}

const image = pulumi.runtime.invokeOutput<{ id: string }>("fake:index:getImage", {
  name: "debian",
});
const thing = new Thing("thing", {
  image: image.id,
  file: new pulumi.asset.FileAsset("file.txt"),
  text: new pulumi.asset.StringAsset("text"),
});
const second = new Thing("second", { on: thing }, { deletedWith: thing });

export const address = thing.address;
export const whole = second.urn;
