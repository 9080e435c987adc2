/**
 * The examples of doc comments and of docs/components.md: each compiles as strictly as our own sources, and each function
 * and class that the package exports has one.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";

const ROOT = path.join(__dirname, "..", "..");

/** Every block of TypeScript, by a name that says where it stands. */
function examples(): ReadonlyMap<string, string> {
  const sources = ["components", "etcd"].flatMap((room) =>
    fs
      .readdirSync(path.join(ROOT, room), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => path.join(room, file)),
  );
  const found = [...sources, path.join("docs", "components.md")].flatMap((file) => {
    const text = fs.readFileSync(path.join(ROOT, file), "utf8").replace(/^ *\* ?/gm, "");
    return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(
      ([, code = ""], at) => [`${file.replace(/\W/g, "-")}-${at + 1}.mts`, code] as const,
    );
  });
  return new Map(found);
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(path.join(ROOT, "tsconfig.json"), (file) =>
    ts.sys.readFile(file),
  ) as { readonly config: object };
  return ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, ROOT).options;
}

/** What the package exports as a value, by its name; types are shown with what takes or gives them. */
function exportedValues(entry: string): ReadonlyMap<string, ts.Symbol> {
  const file = path.join(ROOT, entry);
  const program = ts.createProgram([file], compilerOptions());
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const exported = module === undefined ? [] : checker.getExportsOfModule(module);
  const found = exported.flatMap((each) => {
    const own = each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each;
    const isType = each.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration) === true;
    return own.flags & ts.SymbolFlags.Value && !isType ? [[each.name, own] as const] : [];
  });
  return new Map(found);
}

it.each(["components/index.ts", "etcd/reader.ts"])(
  "stand at each function and class that %s exports",
  (entry) => {
    const values = exportedValues(entry);
    expect(values.size).toBeGreaterThan(10);
    const without = [...values].filter(
      ([, symbol]) => !symbol.getJsDocTags().some(({ name }) => name === "example"),
    );
    expect(without.map(([name]) => name)).toEqual([]);
  },
);

it("compile", () => {
  const found = examples();
  expect(found.size).toBeGreaterThanOrEqual(30);
  const options = compilerOptions();
  const files = new Map([...found].map(([name, code]) => [path.join(ROOT, name), code]));
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false });
  const others = ts.createCompilerHost(options);
  host.fileExists = (file) => files.has(file) || others.fileExists(file);
  host.readFile = (file) => files.get(file) ?? others.readFile(file);
  host.getSourceFile = (file, language, ...rest) => {
    const code = files.get(file);
    return code === undefined
      ? others.getSourceFile(file, language, ...rest)
      : ts.createSourceFile(file, code, language);
  };
  const program = ts.createProgram([...files.keys()], { ...options, noUnusedLocals: false }, host);
  const problems = [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ].map(
      ({ messageText }) =>
        `${path.basename(file)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
  });
  expect(problems).toEqual([]);
});
