/** A Pulumi engine that makes nothing and remembers what it was asked to make (STYLE 5.6). */
import * as pulumi from "@pulumi/pulumi";
import { vi } from "vitest";

type Inputs = Readonly<Record<string, unknown>>;

/** One resource, as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** Without secrets unwrapped: see `secretValue`. */
  readonly inputs: Inputs;
  /** Types, parents first: `etcd-restore:index:Network$openstack:networking/port:Port`. */
  readonly typeChain: string;
  readonly options: {
    /** Logical names of all that it comes after, by `dependsOn` or by an input. */
    readonly dependencies: readonly string[];
    readonly ignoreChanges: readonly string[];
    readonly replaceOnChanges: readonly string[];
    readonly additionalSecretOutputs: readonly string[];
    readonly deleteBeforeReplace: boolean;
    /** Logical name; empty: none. */
    readonly deletedWith: string;
  };
}

export interface MockEngineOptions {
  /** Properties that a provider would add, by type token. @default the inputs are all there is */
  readonly outputs?: Readonly<Record<string, (inputs: Inputs, name: string) => Inputs>>;
  /** Answers to look-ups, by token; one that throws is a look-up that fails. @default every look-up fails the test */
  readonly lookups?: Readonly<Record<string, (inputs: Inputs) => Inputs>>;
  /** @default false */
  readonly preview?: boolean;
}

export interface MockEngine {
  /** Everything registered, components too, in the order of registration. */
  readonly registered: readonly Registered[];
  /** Waits until nothing is being registered any more. */
  settled(): Promise<void>;
  /** What was registered of one type. */
  ofType(type: string): readonly Registered[];
  /** The one with this logical name; throws unless there is exactly one. */
  named(name: string): Registered;
}

/** Starts one; each test has its own. */
export async function mockEngine(options: MockEngineOptions = {}): Promise<MockEngine> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource(args) {
        const inputs = args.inputs as Inputs;
        const request = requests.mock.lastCall?.[0];
        if (request === undefined) throw new Error("registered before the engine was there");
        registered.push({
          type: args.type,
          name: args.name,
          inputs,
          typeChain: typeChain(request.getParent(), args.type),
          options: {
            dependencies: request.getDependenciesList().map(nameOf),
            ignoreChanges: request.getIgnorechangesList(),
            replaceOnChanges: request.getReplaceonchangesList(),
            additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
            deleteBeforeReplace: request.getDeletebeforereplace(),
            deletedWith: nameOf(request.getDeletedwith()),
          },
        });
        const added = options.outputs?.[args.type]?.(inputs, args.name) ?? {};
        return { id: `${args.name}-id`, state: { ...inputs, ...added } };
      },
      call(args) {
        try {
          const answer = options.lookups?.[args.token];
          if (answer === undefined) throw new Error(`unexpected lookup ${args.token}`);
          return answer(args.inputs as Inputs);
        } catch (error) {
          // The SDK shows the program what gRPC calls the details, and nothing else.
          throw Object.assign(new Error("lookup failed"), {
            details: error instanceof Error ? error.message : String(error),
          });
        }
      },
    },
    "etcd-restore",
    "test",
    options.preview ?? false,
  );
  const requests = spyOnRequests();
  return {
    registered,
    settled: () => pulumi.runtime.disconnect(),
    ofType: (type) => registered.filter((resource) => resource.type === type),
    named(name) {
      const found = registered.filter((resource) => resource.name === name);
      const [first] = found;
      if (first === undefined || found.length > 1) {
        throw new Error(
          `${found.length} resources are named ${name}; there are: ${registered.map((r) => r.name).join(", ")}`,
        );
      }
      return first;
    },
  };
}

/** The value of an output. In a preview it may be undefined: unknown. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply((value) => {
      resolve(value);
    });
  });
}

const SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** What stands in a secret input; throws when the input is no secret. */
export function secretValue(input: unknown): unknown {
  if (!isSecret(input)) throw new Error(`not a secret: ${JSON.stringify(input)}`);
  return input.value;
}

/** Whether an input, or anything inside it, reached the engine as a secret. */
export function isSecret(input: unknown): input is { readonly value: unknown } {
  return (
    typeof input === "object" &&
    input !== null &&
    SECRET_SIGNATURE in input &&
    input[SECRET_SIGNATURE] === SECRET
  );
}

/** Options of a resource are in its request only; mocks are not told of them. */
function spyOnRequests() {
  const monitor = pulumi.runtime.getMonitor();
  if (monitor === undefined) throw new Error("setMocks has made no monitor");
  return vi.spyOn(monitor, "registerResource");
}

/** The logical name in a URN, which may hold `::` itself. */
function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function typeChain(parentUrn: string, type: string): string {
  const parent = parentUrn.split("::")[2] ?? "";
  return parent === "" || parent === "pulumi:pulumi:Stack" ? type : `${parent}$${type}`;
}
