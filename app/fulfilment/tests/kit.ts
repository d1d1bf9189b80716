// A table of orders in memory, and the events, context and logger of a test.

import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  PutItemCommand,
  type AttributeValue,
} from "@aws-sdk/client-dynamodb";
import type { SendMessageCommand } from "@aws-sdk/client-sqs";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import type { Context, DynamoDBRecord } from "aws-lambda";

import { DeadLetters } from "../src/dead-letters";
import { build, type Batch, type Handler } from "../src/handler";
import { Table, type Client } from "../src/table";

export const NOW = new Date("2026-01-31T12:00:00.000Z");
export const CONTEXT = { functionName: "strata-test-fulfilment", functionVersion: "7", awsRequestId: "r1" } as Context;

type Item = Record<string, AttributeValue>;

/** Stands in for DynamoDB: it keeps items by id, and `fails` decides which writes fail, before or after their effect. */
export class FakeClient implements Client {
  readonly items = new Map<string, Item>();
  readonly tables = new Set<string>();
  fails: (id: string) => "before" | "after" | "no" = () => "no";

  // eslint-disable-next-line @typescript-eslint/require-await -- the client's methods are asynchronous
  async send(command: PutItemCommand | DeleteItemCommand): Promise<unknown> {
    const id = (command instanceof PutItemCommand ? command.input.Item?.["id"] : command.input.Key?.["id"])?.S ?? "";
    this.tables.add(command.input.TableName ?? "");
    const fails = this.fails(id);
    if (fails === "before") throw new Error("the table is out of reach");
    if (command instanceof DeleteItemCommand) this.items.delete(id);
    else this.#put(id, command);
    if (fails === "after") throw new Error("the answer got lost");
    return {};
  }

  #put(id: string, command: PutItemCommand): void {
    if (command.input.ConditionExpression !== "attribute_not_exists(id)") throw new Error("a write without condition");
    if (this.items.has(id)) throw new ConditionalCheckFailedException({ message: "it exists", $metadata: {} });
    this.items.set(id, command.input.Item ?? {});
  }
}

/** Stands in for the queue of dead letters: it keeps the events that are sent to it, unless it is out of reach. */
export class FakeQueue {
  readonly events: Batch[] = [];
  fails = false;

  // eslint-disable-next-line @typescript-eslint/require-await -- the client's methods are asynchronous
  async send(command: SendMessageCommand): Promise<unknown> {
    if (command.input.QueueUrl !== "dead") throw new Error("a message to another queue");
    if (this.fails) throw new Error("the queue is out of reach");
    this.events.push(JSON.parse(command.input.MessageBody ?? "") as Batch);
    return {};
  }
}

/** Return the ids of the orders in each event. */
export function orders(events: readonly Batch[]): (string | undefined)[][] {
  return events.map((event) => event.Records.map((each) => each.dynamodb?.NewImage?.["id"]?.S));
}

/** Return a handler on `client` and `queue`. What it would log and measure is kept in `lines`. */
export function handlerOn(client: Client, lines: string[] = [], queue = new FakeQueue()): Handler {
  const console_ = Object.assign(Object.create(console) as Console, {
    debug: (line: string) => lines.push(line),
    info: (line: string) => lines.push(line),
    log: (line: string) => lines.push(line),
    warn: (line: string) => lines.push(line),
    error: (line: string) => lines.push(line),
  });
  const logger = new Logger({ serviceName: "fulfilment", logLevel: "INFO" });
  const metrics = new Metrics({ serviceName: "fulfilment", namespace: "strata-test" });
  for (const each of [logger, metrics]) Object.assign(each, { console: console_ });
  return build(new Table("orders", client), new DeadLetters("dead", queue), logger, metrics, () => NOW);
}

/** Return a record of the stream; `image` has the attributes that differ from a good order's. */
export function record(id: string, image: Record<string, unknown> = {}, eventName = "INSERT"): DynamoDBRecord {
  const line = { M: { sku: { S: "MUG-WHITE" }, quantity: { N: "2" }, unit_price_cents: { N: "1250" } } };
  const NewImage = { id: { S: id }, customer_id: { S: "c" }, items: { L: [line] }, total_cents: { N: "2500" }, ...image };
  return { eventID: id, eventName, dynamodb: { NewImage, SequenceNumber: `n-${id}` } } as DynamoDBRecord;
}

export function batch(...Records: DynamoDBRecord[]): Batch {
  return { Records };
}

export function failures(...ids: string[]): object {
  return { batchItemFailures: ids.map((id) => ({ itemIdentifier: `n-${id}` })) };
}
