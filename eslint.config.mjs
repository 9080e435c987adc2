// Lint rules, and with them the import rules of the rooms (CONTRIBUTING.md, "Rooms").
// @ts-expect-error The plugin has no types of its own.
import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";

/**
 * Forbids a room's files to import other rooms.
 * @param {string} room folder (or file) the rule is for
 * @param {string[]} forbidden rooms that it must not import
 * @param {string[]} [packages] npm packages that it must not import
 * @returns {import("typescript-eslint").ConfigArray[number]}
 */
function mayNotImport(room, forbidden, packages = []) {
  const files = /\.ts$/.test(room) ? [room] : [`${room}/**/*.ts`];
  return {
    files,
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            ...forbidden.map((other) => ({
              regex: `^(\\.\\.?/)+${other}(/|$)`,
              message: `${room} must not import ${other}: imports point one way (CONTRIBUTING.md, Rooms).`,
            })),
            ...packages.map((name) => ({
              regex: `^${name}`,
              message: `${room} knows nothing of ${name} (CONTRIBUTING.md, Rooms).`,
            })),
          ],
        },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ["node_modules", ".lab", ".tools", "bench", "etcd/snapshot/wasm"] },
  {
    files: ["**/*.ts", "**/*.mts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@pulumi": pulumi },
    rules: {
      "@pulumi/no-output-in-template-literal": "error",
      "@pulumi/no-output-instance-in-template-literal": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // Numbers and booleans read well in messages.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  mayNotImport("index.ts", ["etcd", "machine", "openstack", "engine", "scripts", "labs", "test"]),
  mayNotImport("config.ts", ["components", "engine", "scripts", "labs", "test", "index"]),
  mayNotImport("settings", ["components", "engine", "scripts", "labs", "test", "config", "index"]),
  mayNotImport("components", ["engine", "scripts", "labs", "test", "config", "index"]),
  mayNotImport(
    "etcd",
    [
      "components",
      "machine",
      "settings",
      "openstack",
      "engine",
      "scripts",
      "labs",
      "test",
      "config",
      "index",
    ],
    ["@pulumi/"],
  ),
  mayNotImport(
    "machine",
    [
      "components",
      "etcd",
      "settings",
      "openstack",
      "engine",
      "scripts",
      "labs",
      "test",
      "config",
      "index",
    ],
    ["@pulumi/"],
  ),
  mayNotImport(
    "openstack",
    [
      "components",
      "etcd",
      "settings",
      "machine",
      "engine",
      "scripts",
      "labs",
      "test",
      "config",
      "index",
    ],
    ["@pulumi/"],
  ),
  mayNotImport("engine", [
    "components",
    "etcd",
    "settings",
    "machine",
    "openstack",
    "scripts",
    "labs",
    "test",
    "config",
    "index",
  ]),
  mayNotImport("scripts", ["components", "test", "config", "index"]),
  mayNotImport("labs", ["components", "etcd", "settings", "engine", "config", "index"]),
);
