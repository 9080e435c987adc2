/** A program over resource types and a function that only the test knows. */
import * as pulumi from "@pulumi/pulumi";

class Cloud extends pulumi.ProviderResource {
  constructor(name: string, token: pulumi.Input<string>) {
    super("fake", name, { token });
  }
}

class Thing extends pulumi.CustomResource {
  declare readonly address: pulumi.Output<string>;

  constructor(name: string, inputs: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super("fake:index:Thing", name, { address: undefined, ...inputs }, options);
  }
}

const provider = new Cloud("cloud", pulumi.secret("t0ken-of-the-cloud"));
const image = pulumi.runtime.invokeOutput<{ id: string }>(
  "fake:index:getImage",
  { name: "debian" },
  { provider },
);
const thing = new Thing(
  "thing",
  {
    image: image.id,
    file: new pulumi.asset.FileAsset("file.txt"),
    text: new pulumi.asset.StringAsset("text"),
  },
  { provider },
);
const second = new Thing("second", { on: thing }, { provider, deletedWith: thing });

export const address = thing.address;
export const whole = second.urn;
