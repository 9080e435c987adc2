/**
 * Writes test/fixtures/kubernetes-api.testdata.json.gz: objects with every field set, in protobuf and in JSON, that
 * Kubernetes publishes in its own modules to hold its encodings still.
 *
 *     node --require ./engine/typescript.cjs test/etcd/kubernetes/golden/collect-testdata.ts DIRECTORY_OF_k8s.io/api DIRECTORY_OF_k8s.io/apiextensions-apiserver
 *
 * `go mod download -json k8s.io/api@v0.35.4` names the directory.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const [api = "", extensions = ""] = process.argv.slice(2);
const head = [join(api, "testdata/HEAD"), join(extensions, "pkg/apis/testdata/HEAD")].flatMap(
  (folder) =>
    files(folder, ".pb").map((file) => ({ value: file, json: file.replace(/pb$/, "json") })),
);
// What 0.35 makes of older objects whose fields it no longer knows.
const older = ["v1.33.0", "v1.34.0"].flatMap((version) =>
  files(join(api, "testdata", version), ".after_roundtrip.json").map((file) => ({
    value: file.replace("after_roundtrip.json", "pb"),
    json: file,
  })),
);
const entries = [...head, ...older].map(({ value, json }) => ({
  name: `${basename(resolve(value, ".."))}/${basename(value, ".pb")}`,
  value: readFileSync(value, "base64"),
  json: JSON.parse(readFileSync(json, "utf8")) as unknown,
}));
writeFileSync(
  resolve(__dirname, "../../../fixtures/kubernetes-api.testdata.json.gz"),
  gzipSync(JSON.stringify(entries), { level: 9 }),
);

function files(folder: string, end: string): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(end))
    .sort()
    .map((file) => join(folder, file));
}
