// Rules for the TypeScript of every service: typescript-eslint's strictest set, with types.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  {
    files: ["*/src/**/*.ts", "*/tests/**/*.ts"],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "max-lines": ["error", 400],
      complexity: ["error", 10],
      "no-console": "error", // Powertools writes the log
      eqeqeq: "error",
    },
  },
  {
    files: ["*/tests/**/*.ts"],
    // A test of node:test is a promise that the runner awaits.
    rules: { "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", name: ["test", "it", "describe"], package: "node:test" }] }] },
  },
);
