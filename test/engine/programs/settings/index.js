// @ts-check
/** A program in JavaScript that hands its settings back as an output. */
const pulumi = require("@pulumi/pulumi");

const config = new pulumi.Config();

exports.settings = {
  word: config.require("word"),
  fromFile: config.require("fromFile"),
  byDefault: config.require("byDefault"),
  list: config.requireObject("list"),
  listByDefault: config.requireObject("listByDefault"),
  truth: config.requireBoolean("truth"),
  count: config.requireNumber("count"),
  project: pulumi.getProject(),
  stack: pulumi.getStack(),
};
