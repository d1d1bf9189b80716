import assert from "node:assert/strict";
import { test } from "node:test";

import { tableName } from "../src/environment";

const WHOLE = { TABLE_NAME: "orders", POWERTOOLS_SERVICE_NAME: "fulfilment", POWERTOOLS_METRICS_NAMESPACE: "strata-dev" };

test("the environment names the table", () => {
  assert.equal(tableName(WHOLE), "orders");
});

test("every variable that is missing or empty is named, with the remedy", () => {
  assert.throws(
    () => tableName({ ...WHOLE, TABLE_NAME: "", POWERTOOLS_SERVICE_NAME: undefined }),
    /^Error: TABLE_NAME, POWERTOOLS_SERVICE_NAME not set: .*; add them to the function's configuration/,
  );
});
