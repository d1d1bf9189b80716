// What is stored of a fulfilled order. Pure.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";

import type { Order } from "./order";

const PREFIX = "fulfilment#"; // app.orders reads the item by this name

/** Return the id of the item that says that an order is fulfilled. */
export function fulfilmentId(orderId: string): string {
  return `${PREFIX}${orderId}`;
}

/** Return that item. `fulfilled_at` is ISO 8601 in UTC, in the form of the order's `created_at`. */
export function fulfilment(order: Order, now: Date): Record<string, AttributeValue> {
  return {
    id: { S: fulfilmentId(order.id) },
    order_id: { S: order.id },
    fulfilled_at: { S: now.toISOString().replace("Z", "+00:00") },
    pieces: { N: String(order.lines.reduce((sum, each) => sum + each.quantity, 0)) },
  };
}
