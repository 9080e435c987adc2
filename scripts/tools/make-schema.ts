/**
 * Writes schema.json: what Pulumi's own analyzer (`@pulumi/pulumi/provider/experimental`) makes of the components that are
 * served to every language (`scripts/plugin.ts`).
 *
 *   node --require ./engine/typescript.cjs scripts/tools/make-schema.ts
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer";
import { generateSchema } from "@pulumi/pulumi/provider/experimental/schema";
import { description, name, version } from "../../package.json";

const ROOT = path.join(__dirname, "..", "..");

/** The text of schema.json. */
export function schemaText(): string {
  // The entry, as the analyzer takes it from a package.json: here it is TypeScript.
  const manifest = { name, exports: { ".": "./components/index.ts" } };
  const analyzer = new Analyzer(ROOT, name, manifest, new Set(["LocalRestore"]));
  const { components, typeDefinitions, dependencies } = analyzer.analyze();
  const schema = generateSchema(
    ...([name, version, description, components, typeDefinitions, dependencies] as const),
  );
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

if (require.main === module) fs.writeFileSync(path.join(ROOT, "schema.json"), schemaText());
