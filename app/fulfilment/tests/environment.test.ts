import assert from "node:assert/strict";
import { test } from "node:test";

import { places } from "../src/environment";

const WHOLE = {
  TABLE_NAME: "orders",
  DEAD_LETTERS_URL: "https://queue/dead",
  POWERTOOLS_SERVICE_NAME: "fulfilment",
  POWERTOOLS_METRICS_NAMESPACE: "strata-dev",
};

test("the environment names the table and the queue of dead letters", () => {
  assert.deepEqual(places(WHOLE), { table: "orders", deadLetters: "https://queue/dead" });
});

test("every variable that is missing or empty is named, with the remedy", () => {
  assert.throws(
    () => places({ ...WHOLE, TABLE_NAME: "", DEAD_LETTERS_URL: undefined, POWERTOOLS_SERVICE_NAME: undefined }),
    /^Error: TABLE_NAME, DEAD_LETTERS_URL, POWERTOOLS_SERVICE_NAME not set: .*; add them to the function's configuration/,
  );
});
