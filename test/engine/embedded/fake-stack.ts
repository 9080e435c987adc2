/**
 * A stack whose program is a function of the test and whose resources are kept in memory: the embedded engine's own
 * rules without a child process. That the SDK asks for things in this way is proved by the tests with programs.
 */
import { carryOut, type Verb } from "../../../engine/embedded/carry-out";
import { stackFiles } from "../../../engine/embedded/files";
import { readOpened } from "../../../engine/embedded/open-run";
import type { Goal, Registered } from "../../../engine/embedded/goal";
import { register } from "../../../engine/embedded/register";
import type { ResourceType, ResourceTypes } from "../../../engine/embedded/resource-type";
import type { ResourceState } from "../../../engine/embedded/state-file";
import { urnOf } from "../../../engine/embedded/urn";
import type { Value } from "../../../engine/embedded/values";
import type { EngineOptions, EngineResult } from "../../../engine/engine";
import { temporaryDirectory } from "../../support/temporary";

export type Register = (name: string, goal?: Partial<Goal>) => Promise<Registered>;

export interface FakeStack {
  readonly options: EngineOptions;
  /** Registers what `program` asks for, the stack itself first. */
  up(
    program: (register: Register) => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<EngineResult>;
  preview(program: (register: Register) => Promise<unknown>): Promise<EngineResult>;
  destroy(): Promise<EngineResult>;
  /** What was done since this was last called: `create a`, `update a`, `delete a`. */
  done(): readonly string[];
  resources(): Promise<readonly ResourceState[]>;
}

export const THING = "fake:index:Thing";
export const GROUP = "fake:index:Group";

const NO_OPTIONS: Goal = {
  type: THING,
  name: "",
  parent: "",
  custom: true,
  inputs: {},
  dependencies: [],
  propertyDependencies: {},
  version: "",
  deletedWith: "",
  deleteBeforeReplace: undefined,
  ignoreChanges: [],
  replaceOnChanges: [],
  additionalSecretOutputs: [],
  unsupported: [],
};

const IDENTITY = { project: "fake", stack: "test" };

export function thingUrn(name: string, parent = ""): string {
  return urnOf(IDENTITY, parent, THING, name);
}

/** @param behaviour what a thing does before its step succeeds; nothing by default. */
export async function fakeStack(
  behaviour: (step: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
  traits: Partial<ResourceType> = {},
): Promise<FakeStack> {
  const directory = await temporaryDirectory();
  const options: EngineOptions = {
    projectDir: directory,
    stack: IDENTITY.stack,
    workDir: `${directory}/work`,
    progress: "none",
  };
  const files = stackFiles(options.workDir, options.stack);
  let steps: string[] = [];
  const step = async (what: string, signal: AbortSignal): Promise<void> => {
    steps.push(what);
    await behaviour(what, signal);
  };
  const nameIn = (inputs: Readonly<Record<string, Value>>): string =>
    typeof inputs.name === "string" ? inputs.name : "?";
  const thing: ResourceType = {
    outputs: ["made"],
    replaceOn: ["kind"],
    create: async (name, inputs, { signal }) => {
      await step(`create ${name}`, signal);
      return { id: `id-of-${name}`, outputs: { ...inputs, name, made: `made-of-${name}` } };
    },
    update: async (_id, olds, inputs, { signal }) => {
      await step(`update ${nameIn(olds)}`, signal);
      return { ...inputs, name: nameIn(olds), made: "made again" };
    },
    delete: async (_id, outputs, { signal }) => {
      await step(`delete ${nameIn(outputs)}`, signal);
    },
    ...traits,
  };
  const types: ResourceTypes = { resources: { [THING]: thing } };

  const run = async (
    verb: Verb,
    program: (register: Register) => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<EngineResult> => {
    const project = {
      name: IDENTITY.project,
      programDir: directory,
      entry: ".",
      declared: new Map(),
    };
    const engine = signal === undefined ? options : { ...options, signal };
    return await carryOut(verb, { engine, project, types, files, parallel: 4 }, async (inner) => {
      const ask: Register = (name, goal = {}) => register(inner, { ...NO_OPTIONS, name, ...goal });
      // The SDK falls silent when the run has failed, and so does this.
      await program(ask).catch((error: unknown) => {
        if (!inner.steps.failed()) throw error;
      });
      await inner.steps.idle();
    });
  };

  return {
    options,
    up: (program, signal) => run("up", program, signal),
    preview: (program) => run("preview", program),
    destroy: () => run("destroy", () => Promise.resolve()),
    done() {
      const all = steps;
      steps = [];
      return all;
    },
    resources: async () => (await readOpened(files)).resources,
  };
}
