import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { batch, CONTEXT, FakeClient, FakeQueue, handlerOn, orders, record } from "./kit";

type Kind = "good" | "unreadable";
const UNREADABLE = { items: { L: [] } };

// A stream is read by two versions at once: each takes some of the batches, some twice, and writes fail at random.
test("whatever fails and comes again, each readable order is fulfilled once, and each other is a dead letter", async () => {
  const drawn = fc.array(fc.constantFrom<Kind>("good", "unreadable"), { minLength: 1, maxLength: 12 });
  const faults = fc.array(fc.constantFrom("no", "no", "no", "before", "after"), { maxLength: 40 });
  const property = fc.asyncProperty(drawn, faults, fc.integer({ min: 1, max: 5 }), async (kinds, plan, size) => {
    const client = new FakeClient();
    const queue = new FakeQueue();
    const versions = [handlerOn(client, [], queue), handlerOn(client, [], queue)] as const;
    client.fails = () => plan.shift() ?? "no";
    let records = kinds.map((kind, index) => record(`ord_${String(index)}`, kind === "good" ? {} : UNREADABLE));
    for (let turn = 0; records.length > 0 && turn < 100; turn += 1) {
      const taken = records.slice(0, size);
      const answers = await Promise.allSettled(versions.map((handler) => handler(batch(...taken), CONTEXT)));
      if (answers.every((answer) => answer.status === "fulfilled")) records = records.slice(size);
    }
    const ids = (wanted: Kind): string[] =>
      kinds.flatMap((kind, index) => (kind === wanted ? [`ord_${String(index)}`] : [])).sort();
    assert.deepEqual(records, []);
    assert.deepEqual([...client.items.keys()].sort(), ids("good").map((id) => `fulfilment#${id}`));
    assert.deepEqual([...new Set(orders(queue.events).flat())].sort(), ids("unreadable"));
  });
  await fc.assert(property, { numRuns: 200 });
});
