import assert from "node:assert/strict";
import { test } from "node:test";

import { placed, UnreadableOrderError } from "../src/order";
import { record } from "./kit";

const GOOD = { sku: { S: "KETTLE" }, quantity: { N: "1" } };

test("an order is read with its lines", () => {
  assert.deepEqual(placed(record("ord_1")), { id: "ord_1", lines: [{ sku: "MUG-WHITE", quantity: 2 }] });
});

for (const [items, reason] of [
  [undefined, "has no list of items"],
  [{ S: "KETTLE" }, "has no list of items"],
  [{ L: [] }, "has no list of items"],
  [{ L: [{ M: GOOD }, { M: {} }] }, "has no sku in item 1"],
  [{ L: [{ S: "KETTLE" }] }, "has no sku in item 0"],
  [{ L: [null] }, "has no sku in item 0"],
  [{ L: [{ M: { ...GOOD, sku: { S: "" } } }] }, "has no sku in item 0"],
  [{ L: [{ M: { ...GOOD, quantity: { N: "0" } } }] }, "has no whole quantity of 1 or more in item 0"],
  [{ L: [{ M: { ...GOOD, quantity: { N: "1.5" } } }] }, "has no whole quantity of 1 or more in item 0"],
  [{ L: [{ M: { ...GOOD, quantity: { S: "1" } } }] }, "has no whole quantity of 1 or more in item 0"],
] as const) {
  test(`an order with the items ${items === undefined ? "left out" : JSON.stringify(items)} is unreadable: ${reason}`, () => {
    assert.throws(
      () => placed(record("ord_1", { items })),
      (error) => error instanceof UnreadableOrderError && error.message.startsWith(`order ord_1 ${reason}; `),
    );
  });
}
