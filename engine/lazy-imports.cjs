// @ts-check
// An import is loaded when what it names is first used. A command then loads what it does, and not all that it could do:
// which package that is, is decided in no file of ours, and an import is written as everywhere.
"use strict";

/** What the compiler calls a module that names are imported from: `./a` becomes `a_1`, unlike every other name of the file. */
const MADE_NAME = /^\w+_\d+$/;

/**
 * Compiled code, with `const a_1 = require("./a")` taken out and done at the first `a_1`. Every line stays where it is.
 * What is imported for its effects, or as a whole (`import * as`), is loaded at once as before.
 * @param {string} code CommonJS, as TypeScript makes it
 * @param {typeof import("typescript")} ts
 * @returns {string}
 */
function lazyImports(code, ts) {
  const tree = ts.createSourceFile("code.js", code, ts.ScriptTarget.ES2022, false);
  /** How each is loaded, by its name. @type {Map<string, string>} */
  const loads = new Map();
  /** @type {{ start: number, end: number, text: string }[]} */
  const edits = [];
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    const [made] = statement.declarationList.declarations;
    if (made === undefined || !isImport(made, ts)) continue;
    const name = made.name.getText(tree);
    loads.set(name, made.initializer?.getText(tree) ?? "");
    // Not `let`: in a circle of imports a function may be called before this line is reached.
    edits.push({ start: statement.getStart(tree), end: statement.end, text: `var ${name};` });
  }
  /** @param {import("typescript").Node} node */
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const load = loads.get(node.text);
      if (load === undefined) return;
      const [start, end] = [node.getStart(tree), node.end];
      edits.push({ start, end, text: `(${node.text} ??= ${load})` });
      return;
    }
    if (ts.isVariableDeclaration(node) && isImport(node, ts)) return;
    ts.forEachChild(node, visit);
  };
  visit(tree);
  edits.sort((a, b) => a.start - b.start);
  let [done, at] = ["", 0];
  for (const { start, end, text } of edits) {
    done += code.slice(at, start) + text;
    at = end;
  }
  return done + code.slice(at);
}

/**
 * `a_1 = require("a")`, or that in the compiler's helper for packages that are no ES modules.
 * @param {import("typescript").VariableDeclaration} declaration
 * @param {typeof import("typescript")} ts
 */
function isImport({ name, initializer }, ts) {
  if (!ts.isIdentifier(name) || !MADE_NAME.test(name.text)) return false;
  let call = initializer;
  if (isCallOf(call, ["__importDefault", "__importStar"], ts)) [call] = call.arguments;
  return isCallOf(call, ["require"], ts);
}

/**
 * @param {import("typescript").Node | undefined} node @param {readonly string[]} names
 * @param {typeof import("typescript")} ts @returns {node is import("typescript").CallExpression}
 */
function isCallOf(node, names, ts) {
  if (node === undefined || !ts.isCallExpression(node)) return false;
  return ts.isIdentifier(node.expression) && names.includes(node.expression.text);
}

module.exports = { lazyImports };
