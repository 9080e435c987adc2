// Lint rules. Which room may import which is checked by .dependency-cruiser.cjs.
// @ts-expect-error The plugin has no types of its own.
import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: ["node_modules", ".lab", ".tools", "dist", "bench", "etcd/snapshot/wasm"],
  },
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
      "max-lines-per-function": ["error", { max: 60, IIFEs: true }],
      "no-restricted-syntax": [
        "error",
        {
          selector: "CallExpression[callee.property.name='export'] Property[value.value='jwk']",
          message:
            "Node 20 may wait for ever in it, for a lock of its own: take DER (machine/ssh/ssh-keys.ts).",
        },
      ],
      // Numbers and booleans read well in messages.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    // A list of one thing after another, in which nothing is decided: flags, files, the parts of a program.
    files: [
      "labs/openstack/configs.ts",
      "scripts/commands/drill/command.ts",
      "scripts/commands/verify/command.ts",
      "scripts/fleet/plan/manifest.ts",
    ],
    rules: { "max-lines-per-function": "off" },
  },
  {
    // A test file is a list of tests, and what brings up a world for them is told from its beginning to its end.
    files: ["test/**"],
    rules: { "max-lines-per-function": "off" },
  },
  {
    // More than that is two ideas: CONTRIBUTING.md, "Rooms".
    files: ["**/*.ts", "**/*.mts", "**/*.mjs", "**/*.cjs"],
    // A list of one setting after another.
    ignores: ["test/**", "settings/settings.ts"],
    rules: { "max-lines": ["error", { max: 250 }] },
  },
  {
    files: ["**/*.mjs", "**/*.cjs"],
    rules: { "max-lines-per-function": ["error", { max: 60, IIFEs: true }] },
  },
  {
    // Projects of their own, which find the package when they are run; here its sources stand for it (`paths`).
    files: ["examples/**"],
    languageOptions: { parserOptions: { projectService: false, project: "./tsconfig.json" } },
  },
);
