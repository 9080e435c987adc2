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
      // Numbers and booleans read well in messages.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    // Projects of their own, which find the package when they are run; here its sources stand for it (`paths`).
    files: ["examples/**"],
    languageOptions: { parserOptions: { projectService: false, project: "./tsconfig.json" } },
  },
);
