/** The package as Pulumi's CLI starts it for programs in other languages: by the SDK's own runner of plugins. */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as provider from "@pulumi/pulumi/proto/provider_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { schemaText } from "../../scripts/tools/make-schema";
import { freePorts } from "../support/ports";
import { startMonitor, type Listening } from "../support/run-program";
import { timeLimit } from "../support/time-limit.cjs";
import { makeForeignProject, type ForeignProject } from "./foreign-project";

const LIMIT = timeLimit(120_000);
const SCHEMA = path.join(__dirname, "..", "..", "schema.json");
const TYPE = "etcd-restore:index:LocalRestore";

let project: ForeignProject;
let monitor: Listening;
let client: ResourceProviderClient;
let stop: () => Promise<void>;

beforeAll(async () => {
  project = await makeForeignProject();
  monitor = await startMonitor("127.0.0.1:0");
  const runner = require.resolve("@pulumi/pulumi/cmd/run-plugin");
  const child = spawn(process.execPath, [runner, project.installed, monitor.address], {
    cwd: project.folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  stop = async () => {
    const ended = once(child, "exit");
    child.kill();
    await ended;
  };
  const [port] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
}, timeLimit(240_000));

afterAll(async () => {
  client.close();
  await stop();
  monitor.close();
  project.remove();
});

function construct(
  inputs: Readonly<Record<string, string | number>>,
): Promise<provider.ConstructResponse> {
  const request = new provider.ConstructRequest();
  request.setProject("p").setStack("test").setOrganization("organization").setDryrun(true);
  request.setMonitorendpoint(monitor.address).setType(TYPE).setName("last-night").setParallel(1);
  request.setInputs(Struct.fromJavaScript(inputs));
  return new Promise((resolve, reject) => {
    client.construct(request, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

it(
  "schema.json is what the SDK's analyzer makes of the component (npm run schema)",
  () => {
    expect(fs.readFileSync(SCHEMA, "utf8")).toBe(schemaText());
  },
  LIMIT,
);

it(
  "serves that schema",
  async () => {
    const schema = await new Promise<string>((resolve, reject) => {
      client.getSchema(new provider.GetSchemaRequest(), (error, response) => {
        if (error === null) resolve(response.getSchema());
        else reject(error);
      });
    });
    expect(JSON.parse(schema)).toEqual(JSON.parse(fs.readFileSync(SCHEMA, "utf8")));
  },
  LIMIT,
);

it(
  "makes the component with all its parts",
  async () => {
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const made = await construct({
      snapshot: path.join(project.folder, "backup.db"),
      labDirectory: path.join(project.folder, "lab"),
      ...{ clientPort, peerPort },
    });
    expect(made.getUrn()).toBe(`urn:pulumi:test::p::${TYPE}::last-night`);
    expect(Object.keys(made.getState()?.toJavaScript() ?? {})).toEqual(
      expect.arrayContaining(["clientEndpoint", "verdict", "report"]),
    );
    expect(monitor.seen.registered).toEqual(
      expect.arrayContaining([TYPE, "etcd-restore:index:Verification", "command:local:Command"]),
    );
  },
  LIMIT,
);

it(
  "wants whole paths: it runs in a folder of its own",
  async () => {
    const made = construct({ snapshot: "backup.db", labDirectory: "lab" });
    await expect(made).rejects.toThrow(
      /snapshot is "backup\.db", labDirectory is "lab"; a whole path/,
    );
  },
  LIMIT,
);
