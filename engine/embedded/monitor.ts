/** Pulumi's two services that a program talks to, as plain functions over the run. */

import * as grpc from "@grpc/grpc-js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as engineProto from "@pulumi/pulumi/proto/engine_pb";
import * as providerProto from "@pulumi/pulumi/proto/provider_pb";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import * as resourceProto from "@pulumi/pulumi/proto/resource_pb";
import type { Failure } from "../engine";
import { unsupportedMessage, type Goal } from "./goal";
import { register } from "./register";
import type { Run } from "./run";
import { Stopped } from "./steps";
import { STACK_TYPE } from "./urn";
import { reveal, type Properties } from "./values";

/**
 * What the SDK may use; for what is missing here it refuses with a message of its own when a program uses it. Structured
 * aliases are off, so that it works out the aliases' URNs itself, those inherited from parents included: these are refused here.
 */
const FEATURES = new Set(["secrets", "deletedWith"]);

export interface ProgramEvents {
  /** The program has come to its end and registered all that it wants. */
  onEnd(): void;
  /** The kind of an error that the program tells. */
  refusal(): Pick<Failure, "kind">;
}

/** Adds both services to a server. */
export function addServices(server: grpc.Server, run: Run, events: ProgramEvents): void {
  let root = "";
  server.addService(ResourceMonitorService, {
    supportsFeature: unary((request: resourceProto.SupportsFeatureRequest) => {
      const response = new resourceProto.SupportsFeatureResponse();
      return response.setHassupport(FEATURES.has(request.getId()));
    }),
    registerResource: unary(async (request: resourceProto.RegisterResourceRequest) => {
      const { urn, id, outputs } = await register(run, goalOf(request));
      const response = new resourceProto.RegisterResourceResponse();
      response.setUrn(urn);
      response.setId(id);
      response.setObject(structOf(outputs));
      return response.setResult(resourceProto.Result.SUCCESS);
    }),
    registerResourceOutputs: unary((request: resourceProto.RegisterResourceOutputsRequest) => {
      const outputs = propertiesOf(request.getOutputs());
      run.mask.collect(outputs);
      // Kept for the end: a program that breaks off registers none, and the old ones are to stay.
      run.outputs.set(request.getUrn(), outputs);
      return new Empty();
    }),
    readResource: unary((request: resourceProto.ReadResourceRequest) => {
      const message = `the embedded engine cannot read what others have made (${request.getType()} ${request.getName()}); use the Pulumi CLI`;
      throw run.steps.fail({ message, kind: "engine" });
    }),
    invoke: unary(async (request: resourceProto.ResourceInvokeRequest) => {
      const response = new providerProto.InvokeResponse();
      return (response.setReturn(structOf(await invoke(run, request))), response);
    }),
    call: unary((request: resourceProto.ResourceCallRequest) => {
      throw new Error(`the embedded engine cannot call the method ${request.getTok()}`);
    }),
    signalAndWaitForShutdown: unary(() => {
      events.onEnd();
      return new Empty();
    }),
  });
  server.addService(EngineService, {
    log: unary((request: engineProto.LogRequest) => {
      logged(run, request, events);
      return new Empty();
    }),
    getRootResource: unary(() => {
      const response = new engineProto.GetRootResourceResponse();
      return response.setUrn(root);
    }),
    setRootResource: unary((request: engineProto.SetRootResourceRequest) => {
      root = request.getUrn();
      return new engineProto.SetRootResourceResponse();
    }),
    requirePulumiVersion: unary(() => new engineProto.RequirePulumiVersionResponse()),
  });
}

/** A handler for one call. Once the run has failed the answer is UNAVAILABLE, on which the SDK ends the program in silence. */
function unary<Request, Response>(
  answer: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, done) => {
    Promise.resolve(call.request)
      .then(answer)
      .then(
        (response) => {
          done(null, response);
        },
        (error: unknown) => {
          const code = error instanceof Stopped ? grpc.status.UNAVAILABLE : grpc.status.UNKNOWN;
          done({ code, details: error instanceof Error ? error.message : String(error) });
        },
      );
  };
}

function goalOf(request: resourceProto.RegisterResourceRequest): Goal {
  const propertyDependencies: Record<string, readonly string[]> = {};
  request.getPropertydependenciesMap().forEach((dependencies, key) => {
    const urns = dependencies.getUrnsList();
    if (urns.length > 0) propertyDependencies[key] = urns;
  });
  return {
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent(),
    custom: request.getCustom(),
    inputs: propertiesOf(request.getObject()),
    dependencies: request.getDependenciesList(),
    propertyDependencies,
    version: request.getVersion(),
    deletedWith: request.getDeletedwith(),
    deleteBeforeReplace:
      request.getDeletebeforereplacedefined() || request.getDeletebeforereplace()
        ? request.getDeletebeforereplace()
        : undefined,
    ignoreChanges: request.getIgnorechangesList(),
    replaceOnChanges: request.getReplaceonchangesList(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    unsupported: unsupportedBy(request),
  };
}

/** What a resource asks for and no program of ours uses, by the names that a program has for it. */
function unsupportedBy(request: resourceProto.RegisterResourceRequest): readonly string[] {
  const isProvider = request.getType().startsWith("pulumi:providers:");
  return [
    (isProvider || request.getProvider() !== "") && "explicit providers",
    request.getAliasurnsList().length > 0 && "the option `aliases`",
    request.getProtect() === true && "the option `protect`",
    request.getRetainondelete() === true && "the option `retainOnDelete`",
    request.getImportid() !== "" && "the option `import`",
    request.getRemote() && "components of other languages",
    request.hasReplacementTrigger() && "the option `replacementTrigger`",
  ].filter((name) => name !== false);
}

async function invoke(run: Run, request: resourceProto.ResourceInvokeRequest): Promise<Properties> {
  const token = request.getTok();
  if (request.getProvider() !== "") {
    throw new Error(unsupportedMessage(["explicit providers"]));
  }
  const call = run.types.functions?.[token];
  if (call === undefined) {
    throw new Error(`the embedded engine cannot call the function ${token}; use the Pulumi CLI`);
  }
  const { projectDir, signal } = run.steps;
  return await call(reveal(propertiesOf(request.getArgs())), { projectDir, signal });
}

function logged(run: Run, request: engineProto.LogRequest, events: ProgramEvents): void {
  const message = request.getMessage().trimEnd();
  switch (request.getSeverity()) {
    case engineProto.LogSeverity.DEBUG:
      return; // these hold property values, secrets in clear among them
    case engineProto.LogSeverity.INFO:
      if (request.getEphemeral()) run.progress.passing(message);
      else run.progress.note(message);
      return;
    case engineProto.LogSeverity.WARNING:
      run.progress.note(`warning: ${message}`);
      return;
    case engineProto.LogSeverity.ERROR: {
      // The SDK ends a program that has failed by closing its channel: what is still under way then fails by that.
      if (run.steps.failed() && message.includes("Channel has been shut down")) return;
      run.progress.note(`error: ${message}`);
      const urn = request.getUrn();
      const isProgram = urn === "" || urn.includes(`::${STACK_TYPE}::`);
      const failure = { message: withoutStack(message) };
      run.steps.fail({ ...failure, ...(isProgram ? events.refusal() : { urn }) });
    }
  }
}

/** An unforeseen error comes with the lines of its stack; these are shown, but are no part of what went wrong. */
function withoutStack(message: string): string {
  return message
    .split("\n")
    .filter((line) => !/^\s+at /.test(line))
    .join("\n")
    .trim();
}

function propertiesOf(struct: Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}

function structOf(properties: Properties): Struct {
  return Struct.fromJavaScript(properties);
}
