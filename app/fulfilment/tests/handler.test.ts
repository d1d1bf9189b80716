import assert from "node:assert/strict";
import { test } from "node:test";

import { batch, CONTEXT, FakeClient, FakeQueue, failures, handlerOn, orders, record } from "./kit";

const NO_ITEMS = { items: undefined };

test("an order of the stream is fulfilled", async () => {
  const client = new FakeClient();
  assert.deepEqual(await handlerOn(client)(batch(record("ord_1")), CONTEXT), failures());
  assert.deepEqual(client.items.get("fulfilment#ord_1"), {
    id: { S: "fulfilment#ord_1" },
    order_id: { S: "ord_1" },
    fulfilled_at: { S: "2026-01-31T12:00:00.000+00:00" },
    pieces: { N: "2" },
  });
  assert.deepEqual([...client.tables], ["orders"]);
});

test("an order that comes again, in one batch or in two, is fulfilled and counted once", async () => {
  const client = new FakeClient();
  const lines: string[] = [];
  const handler = handlerOn(client, lines);
  assert.deepEqual(await handler(batch(record("ord_1"), record("ord_1")), CONTEXT), failures());
  const before = client.items.get("fulfilment#ord_1");
  assert.deepEqual(await handler(batch(record("ord_1")), CONTEXT), failures());
  assert.equal(client.items.get("fulfilment#ord_1"), before);
  assert.deepEqual(counted(lines), [1]);
});

test("an order that cannot be read is a dead letter of its own, and the batch succeeds", async () => {
  const [client, queue] = [new FakeClient(), new FakeQueue()];
  const poison = record("ord_1", NO_ITEMS);
  const given = batch(poison, record("ord_2"), record("ord_3"));
  assert.deepEqual(await handlerOn(client, [], queue)(given, CONTEXT), failures());
  assert.deepEqual([...client.items.keys()], ["fulfilment#ord_2", "fulfilment#ord_3"]);
  assert.deepEqual(orders(queue.events), [["ord_1"]]);
  assert.deepEqual(queue.events[0]?.Records[0]?.dynamodb?.SequenceNumber, poison.dynamodb?.SequenceNumber);
});

test("a batch of nothing but orders that cannot be read raises nothing, for it is no fault of the version", async () => {
  const [queue, poison] = [new FakeQueue(), [record("ord_1", NO_ITEMS), record("ord_2", NO_ITEMS)]];
  assert.deepEqual(await handlerOn(new FakeClient(), [], queue)(batch(...poison), CONTEXT), failures());
  assert.deepEqual(orders(queue.events), [["ord_1"], ["ord_2"]]);
});

test("a dead letter waits until nothing else of its batch fails, so that no attempt sends it again", async () => {
  const [client, queue] = [new FakeClient(), new FakeQueue()];
  client.fails = () => "before";
  const given = batch(record("ord_1", NO_ITEMS), record("ord_2"));
  await assert.rejects(handlerOn(client, [], queue)(given, CONTEXT), /the table is out of reach/);
  assert.deepEqual(queue.events, []);
});

test("a dead letter that cannot be sent is raised, so that no record is lost", async () => {
  const queue = new FakeQueue();
  queue.fails = true;
  const given = batch(record("ord_1", NO_ITEMS));
  await assert.rejects(handlerOn(new FakeClient(), [], queue)(given, CONTEXT), /the queue is out of reach/);
});

test("a redrive is answered with the orders that cannot be read, whose dead letters it keeps", async () => {
  const [client, queue] = [new FakeClient(), new FakeQueue()];
  const event = { ...batch(record("ord_1"), record("ord_2", NO_ITEMS)), redrive: true };
  assert.deepEqual(await handlerOn(client, [], queue)(event, CONTEXT), failures("ord_2"));
  assert.deepEqual([[...client.items.keys()], queue.events], [["fulfilment#ord_1"], []]);
});

test("a failing table is raised, so that Lambda counts it, after every other order was tried", async () => {
  const client = new FakeClient();
  client.fails = (id) => (id === "fulfilment#ord_1" ? "before" : "no");
  const given = batch(record("ord_1"), record("ord_2", NO_ITEMS), record("ord_3"));
  await assert.rejects(handlerOn(client)(given, CONTEXT), /^Error: the table is out of reach$/);
  assert.deepEqual([...client.items.keys()], ["fulfilment#ord_3"]);
});

test("an order whose write succeeded without an answer is fulfilled once at the next attempt", async () => {
  const client = new FakeClient();
  const handler = handlerOn(client);
  client.fails = () => "after";
  await assert.rejects(handler(batch(record("ord_1")), CONTEXT), /the answer got lost/);
  client.fails = () => "no";
  assert.deepEqual(await handler(batch(record("ord_1")), CONTEXT), failures());
  assert.equal(client.items.size, 1);
});

test("what is no order, or no new one, is ignored", async () => {
  const client = new FakeClient();
  const given = batch(
    record("ord_1", {}, "REMOVE"),
    record("ord_2", {}, "MODIFY"),
    record("ord_3", { smoke: { BOOL: true } }),
    record("claim#1", NO_ITEMS),
    record("idempotency#1", NO_ITEMS),
    record("fulfilment#ord_1", NO_ITEMS),
    { eventName: "INSERT" },
    {},
  );
  assert.deepEqual(await handlerOn(client)(given, CONTEXT), failures());
  assert.equal(client.items.size, 0);
});

test("a batch without records, a probe, is answered without a metric", async () => {
  const lines: string[] = [];
  assert.deepEqual(await handlerOn(new FakeClient(), lines)(batch(), CONTEXT), failures());
  assert.deepEqual(lines, []);
});

test("an event that is no batch is a fault", async () => {
  await assert.rejects(handlerOn(new FakeClient())({} as never, CONTEXT), /Unexpected batch type/);
});

test("a smoke event's order is fulfilled in the real table, and leaves neither a trace nor a count", async () => {
  const client = new FakeClient();
  const lines: string[] = [];
  client.items.set("fulfilment#ord_1", {}); // as an aborted run left it
  const event = { ...batch(record("ord_1"), record("ord_1"), record("ord_2", NO_ITEMS)), smoke: true };
  const queue = new FakeQueue();
  assert.deepEqual(await handlerOn(client, lines, queue)(event, CONTEXT), failures("ord_2"));
  assert.deepEqual([client.tables.size, client.items.size, queue.events], [1, 0, []]);
  assert.deepEqual(counted(lines), []);
});

test("the log names order, version and request, and holds no customer", async () => {
  const lines: string[] = [];
  await handlerOn(new FakeClient(), lines)(batch(record("ord_1"), record("ord_2", NO_ITEMS)), CONTEXT);
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((each) => "level" in each);
  assert.deepEqual(
    logged.map((each) => [each["level"], each["version"], each["function_request_id"]]),
    [["WARN", "7", "r1"], ["INFO", "7", "r1"]],
  );
  assert.match(String(logged[0]?.["message"]), /^order ord_2 has no list of items; it goes to the/);
  assert.deepEqual(logged[1]?.["order_ids"], ["ord_1"]);
  assert.equal(lines.some((line) => line.includes("customer")), false);
});

/** Return the values of the metric OrdersFulfilled, one for each time that it was published. */
function counted(lines: readonly string[]): unknown[] {
  const published = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return published.filter((each) => "_aws" in each).map((each) => each["OrdersFulfilled"]);
}
