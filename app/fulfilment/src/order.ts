// Reads a record of the table's stream. Pure.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";

const PREFIX = "ord_"; // ids of claims, idempotency records and fulfilments in the same table begin otherwise

/** One line of an order: `quantity` pieces of the article `sku`. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** What is needed of an order to fulfil it. */
export interface Order {
  readonly id: string;
  readonly lines: readonly Line[];
}

/**
 * A record as Lambda hands it over, which may lack anything.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
 */
export interface StreamRecord {
  readonly eventName?: string | undefined;
  readonly dynamodb?: { readonly NewImage?: Readonly<Record<string, unknown>> | undefined } | undefined;
}

/** The order cannot be read, now or at a later attempt. */
export class UnreadableOrderError extends Error {
  override readonly name = "UnreadableOrderError";

  constructor(id: string, reason: string) {
    super(`order ${id} ${reason}; it goes to the dead-letter queue`);
  }
}

/**
 * Return the order that a record reports, or undefined where it reports none: a change or a removal, an item that is no
 * order, or a smoke order, which app.orders removes before it answers. Throws UnreadableOrderError.
 */
export function placed(record: StreamRecord): Order | undefined {
  const image = inserted(record);
  const id = text(image["id"]);
  if (!id?.startsWith(PREFIX) || attribute(image["smoke"])?.BOOL === true) return undefined;
  const items = attribute(image["items"])?.L;
  if (!Array.isArray(items) || items.length === 0) throw new UnreadableOrderError(id, "has no list of items");
  return { id, lines: items.map((item, index) => line(id, index, item)) };
}

function inserted(record: StreamRecord): Readonly<Record<string, unknown>> {
  return record.eventName === "INSERT" ? (record.dynamodb?.NewImage ?? {}) : {};
}

function line(id: string, index: number, value: unknown): Line {
  const item: Readonly<Record<string, unknown>> | undefined = attribute(value)?.M;
  const sku = text(item?.["sku"]);
  const quantity = Number(attribute(item?.["quantity"])?.N);
  if (sku === undefined || sku === "") throw new UnreadableOrderError(id, `has no sku in item ${String(index)}`);
  if (!Number.isSafeInteger(quantity) || quantity < 1) {
    throw new UnreadableOrderError(id, `has no whole quantity of 1 or more in item ${String(index)}`);
  }
  return { sku, quantity };
}

function text(value: unknown): string | undefined {
  const found = attribute(value)?.S;
  return typeof found === "string" ? found : undefined;
}

function attribute(value: unknown): Partial<AttributeValue> | undefined {
  return typeof value === "object" && value !== null ? value : undefined;
}
