/** An import is loaded at its first use, and everything else of the code is as it was. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import { lazyImports } from "../../engine/lazy-imports.cjs";
import { temporaryDirectory } from "../support/temporary";
import { TYPESCRIPT } from "../support/typescript";

/** What a program prints whose files are these; each file says its name when it is loaded. */
async function printed(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = await temporaryDirectory();
  for (const [name, code] of Object.entries(files)) {
    fs.writeFileSync(path.join(folder, `${name}.ts`), `${code}\nconsole.log("loaded ${name}");\n`);
  }
  const argv = ["--require", TYPESCRIPT, path.join(folder, "main.ts")];
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n");
}

it("is loaded when what it names is first used, once, and never when it is not", async () => {
  const lines = await printed({
    main: `import { used } from "./used";
      import { unused } from "./unused";
      export const never = () => unused;
      setTimeout(() => { console.log(used(1) + used(2)); });`,
    used: "export const used = (x: number) => x;",
    unused: "export const unused = 1;",
  });
  expect(lines).toEqual(["loaded main", "loaded used", "3"]);
});

it("is the same wherever its name stands", async () => {
  const lines = await printed({
    main: `import whole, { count, Thing } from "./thing";
      import { again } from "./between";
      console.log(JSON.stringify([
        new Thing(7).value,
        \`\${new Thing(3).value}\`,
        new (class extends Thing {})(6).value,
        { count },
        new whole.Inner().value + whole.read(),
        again,
        [typeof Thing, typeof whole, new Thing(1) instanceof Thing],
      ]));`,
    between: 'export { count as again } from "./thing";',
    thing: `export const count = 4;
      export class Thing { constructor(readonly value: number) {} }
      export default { read: () => 3, Inner: class { value = 1 } };`,
  });
  expect(lines).toContain(
    JSON.stringify([7, "3", 6, { count: 4 }, 4, 4, ["function", "object", true]]),
  );
});

it("what is imported for its effects is loaded at once, in its order", async () => {
  const lines = await printed({
    main: `import "./first";
      import { later } from "./later";
      import * as whole from "./whole";
      console.log(later + whole.one);`,
    first: "export {};",
    later: "export const later = 1;",
    whole: "export const one = 1;",
  });
  expect(lines).toEqual(["loaded first", "loaded whole", "loaded later", "2", "loaded main"]);
});

it("files that import each other find each other, whichever is loaded first", async () => {
  const lines = await printed({
    main: 'import { even } from "./even";\nconsole.log(even(10));',
    even: 'import { odd } from "./odd";\nexport const even = (n: number): boolean => n === 0 || odd(n - 1);',
    odd: 'import { even } from "./even";\nexport const odd = (n: number): boolean => n !== 0 && even(n - 1);\nexport const five = even(4);',
  });
  expect(lines).toEqual(["loaded even", "loaded odd", "true", "loaded main"]);
});

it("every line stays where it is, for the lines of an error", () => {
  const source = fs.readFileSync(path.join(__dirname, "../../scripts/run.ts"), "utf8");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.Node16, target: ts.ScriptTarget.ES2022 },
  });
  const lazy = lazyImports(outputText, ts);
  expect(lazy).not.toMatch(/^const \w+_1 = require/m);
  expect(lazy.split("\n").length).toBe(outputText.split("\n").length);
});
