// The parts as a program that Pulumi runs.
import * as pulumi from "@pulumi/pulumi";
import { onThisComputer } from "./parts";

export = async () => {
  const config = new pulumi.Config();
  return await onThisComputer(config.requireNumber("clientPort"), config.requireNumber("peerPort"));
};
