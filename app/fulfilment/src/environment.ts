// Reads the function's environment.

const REQUIRED = [
  "TABLE_NAME",
  "DEAD_LETTERS_URL",
  "POWERTOOLS_SERVICE_NAME",
  "POWERTOOLS_METRICS_NAMESPACE",
] as const;

/** Where the service writes: the name of its table, and the URL of the queue of its dead letters. */
export interface Places {
  readonly table: string;
  readonly deadLetters: string;
}

/** Return the places. Throws an Error with every required variable that is missing or empty. */
export function places(environment: Readonly<Record<string, string | undefined>>): Places {
  const missing = REQUIRED.filter((name) => !environment[name]);
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(", ")} not set: this function needs ${REQUIRED.join(", ")} in its environment; ` +
        "add them to the function's configuration and publish a new version",
    );
  }
  return { table: environment["TABLE_NAME"] ?? "", deadLetters: environment["DEAD_LETTERS_URL"] ?? "" };
}
