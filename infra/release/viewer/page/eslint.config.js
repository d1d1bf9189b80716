// The rules of the services in TypeScript, for the viewer's script; their own rules for tests are left out.
import services from "../../../../app/eslint.config.js";

export default services
  .filter((each) => each.files?.length !== 1 || each.files[0] !== "*/tests/**/*.ts")
  .map((each) => {
    const typed = { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname };
    const options = each.languageOptions ?? {};
    return { ...each, files: ["*.ts"], languageOptions: options.parserOptions ? { ...options, parserOptions: typed } : options };
  });
