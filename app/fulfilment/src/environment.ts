// Reads the function's environment.

const REQUIRED = ["TABLE_NAME", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"] as const;

/** Return the table's name. Throws an Error with every required variable that is missing or empty. */
export function tableName(environment: Readonly<Record<string, string | undefined>>): string {
  const missing = REQUIRED.filter((name) => !environment[name]);
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(", ")} not set: this function needs ${REQUIRED.join(", ")} in its environment; ` +
        "add them to the function's configuration and publish a new version",
    );
  }
  return environment["TABLE_NAME"] ?? "";
}
