/** Writes `etcd/backup/manifest.schema.json` out of the schema that manifests are read by. */
import * as fs from "node:fs";
import * as path from "node:path";
import { manifestJsonSchema } from "../../etcd/backup/manifest-form";

const FILE = path.join(__dirname, "../../etcd/backup/manifest.schema.json");
fs.writeFileSync(FILE, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);
