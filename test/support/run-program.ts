/**
 * Runs a Pulumi program as the CLI does: by the SDK's own `run.js`, with the SDK's own TypeScript support or ours, against a
 * monitor that makes nothing and remembers what it was told.
 */
import * as grpc from "@grpc/grpc-js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as engineProto from "@pulumi/pulumi/proto/engine_pb";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import * as resourceProto from "@pulumi/pulumi/proto/resource_pb";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { readProject } from "../../engine/stack-config";
import { temporaryDirectory } from "./temporary";
import { TYPESCRIPT } from "./typescript";

const LEVELS = ["debug", "info", "warning", "error"] as const;

export interface ProgramRun {
  readonly exitCode: number | null;
  /** What it told the engine, by severity; in the order in which it was told. */
  readonly logged: Readonly<Record<(typeof LEVELS)[number], readonly string[]>>;
  /** Types of the resources that it registered. */
  readonly registered: readonly string[];
  /** How often it told outputs of a component, the stack's among them. */
  readonly outputs: number;
  readonly stderr: string;
  /** CPU seconds, its own and the system's for it. */
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
}

export interface ProgramRunOptions {
  /** Folder of `Pulumi.yaml`. */
  readonly projectDir: string;
  readonly config: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  /** What `up` does after its preview; default: a preview. */
  readonly update?: boolean;
  /**
   * What makes JavaScript of the program: Pulumi's ts-node, which compiles every file anew (seconds of CPU), or what our own
   * engine gives it, which keeps what it compiled. Default: ts-node.
   */
  readonly typescript?: "ts-node" | "ours";
  /** Type of the resource that cannot be made; default: none. */
  readonly failing?: string;
}

/** A monitor and engine that makes nothing and remembers what it was told. */
export interface Listening {
  readonly address: string;
  readonly seen: Pick<ProgramRun, "logged" | "registered" | "outputs">;
  readonly close: () => void;
}

/** @param at `unix:PATH`, or `127.0.0.1:0` for a port that is free */
export async function startMonitor(at: string, failing?: string): Promise<Listening> {
  const seen = recorder();
  const server = monitor(seen, failing);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(at, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const address = at.replace(/:0$/, `:${port}`);
  const close = () => {
    server.forceShutdown();
  };
  return { address, seen, close };
}

/** The program, to its end. */
export async function runProgram(options: ProgramRunOptions): Promise<ProgramRun> {
  const directory = await temporaryDirectory();
  const usage = path.join(directory, "usage.json");
  const preload = path.join(directory, "usage.cjs");
  fs.writeFileSync(
    preload,
    `const { peakMegabytes } = require(${JSON.stringify(path.join(__dirname, "peak-memory.cjs"))});
     process.on("exit", () => {
       const { userCPUTime, systemCPUTime } = process.resourceUsage();
       const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
       const text = JSON.stringify({ cpuSeconds, peakMegabytes: peakMegabytes() });
       require("node:fs").writeFileSync(${JSON.stringify(usage)}, text);
     });`,
  );
  const { address, seen, close } = await startMonitor(
    `unix:${path.join(directory, "s")}`,
    options.failing,
  );
  try {
    const { exitCode, stderr } = await child(options, address, preload);
    const used = JSON.parse(fs.readFileSync(usage, "utf8")) as Pick<
      ProgramRun,
      "cpuSeconds" | "peakMegabytes"
    >;
    return { ...seen, exitCode, stderr, ...used };
  } finally {
    close();
  }
}

function recorder() {
  const logged: Record<(typeof LEVELS)[number], string[]> = {
    debug: [],
    info: [],
    warning: [],
    error: [],
  };
  return { logged, registered: [] as string[], outputs: 0 };
}

function monitor(seen: ReturnType<typeof recorder>, failing: string | undefined): grpc.Server {
  const server = new grpc.Server();
  server.addService(ResourceMonitorService, {
    supportsFeature: unary(() => new resourceProto.SupportsFeatureResponse().setHassupport(false)),
    registerResource: unary((request: resourceProto.RegisterResourceRequest) => {
      seen.registered.push(request.getType());
      if (request.getType() === failing) throw new Error("it cannot be made");
      const response = new resourceProto.RegisterResourceResponse();
      response.setUrn(`urn:pulumi:test::p::${request.getType()}::${request.getName()}`);
      response.setObject(request.getObject());
      return response;
    }),
    registerResourceOutputs: unary(() => {
      seen.outputs += 1;
      return new Empty();
    }),
    invoke: unary(() => {
      throw new Error("a look-up was not expected");
    }),
    signalAndWaitForShutdown: unary(() => new Empty()),
  });
  server.addService(EngineService, {
    log: unary((request: engineProto.LogRequest) => {
      seen.logged[LEVELS[request.getSeverity()]].push(request.getMessage());
      return new Empty();
    }),
    getRootResource: unary(() => new engineProto.GetRootResourceResponse()),
    setRootResource: unary(() => new engineProto.SetRootResourceResponse()),
  });
  return server;
}

function unary<Request, Response>(
  answer: (request: Request) => Response,
): grpc.handleUnaryCall<Request, Response> {
  return (call, done) => {
    try {
      done(null, answer(call.request));
    } catch (error) {
      done({ code: grpc.status.UNKNOWN, details: String(error) });
    }
  };
}

function child(
  { projectDir, config, env, update = false, typescript = "ts-node" }: ProgramRunOptions,
  address: string,
  preload: string,
): Promise<{ readonly exitCode: number | null; readonly stderr: string }> {
  const flags = [
    "--monitor",
    address,
    "--engine",
    address,
    "--project",
    readProject(projectDir).name,
    "--stack",
    "test",
  ];
  return new Promise((resolve, reject) => {
    const run = spawn(
      process.execPath,
      [
        ...["--require", preload, ...(typescript === "ours" ? ["--require", TYPESCRIPT] : [])],
        ...[require.resolve("@pulumi/pulumi/cmd/run"), ...flags],
        ...["--pwd", projectDir, ...(update ? [] : ["--dry-run"])],
        readProject(projectDir).entry,
      ],
      {
        cwd: projectDir,
        stdio: ["ignore", "ignore", "pipe"],
        env: {
          ...process.env,
          PULUMI_CONFIG: JSON.stringify(config),
          PULUMI_NODEJS_TYPESCRIPT: String(typescript === "ts-node"),
          ...env,
        },
      },
    );
    let stderr = "";
    run.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    run.on("error", reject);
    run.on("close", (exitCode) => {
      resolve({ exitCode, stderr });
    });
  });
}
