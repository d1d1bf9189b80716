// The table of orders, in which this service writes fulfilments. Its calls, which are all that its role needs:
// - dynamodb:PutItem     a fulfilment, on the condition that there is none of the order
// - dynamodb:DeleteItem  the fulfilment of a smoke event

import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";

import { fulfilment, fulfilmentId } from "./fulfilment";
import type { Order } from "./order";

/** The part of DynamoDBClient that is used, so that a test can stand in for it. */
export interface Client {
  send(command: PutItemCommand | DeleteItemCommand): Promise<unknown>;
}

/**
 * Return a client whose calls give up after two tries of 1 + 2 s at most, within the function's 10 s, so that a table
 * out of reach fails with its reason.
 */
export function connect(): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 2000, throwOnRequestTimeout: true },
  });
}

export class Table {
  readonly #name: string;
  readonly #client: Client;

  constructor(name: string, client: Client) {
    this.#name = name;
    this.#client = client;
  }

  /**
   * Fulfil an order; return false where it is fulfilled already, by this or another version or attempt. The client's
   * other errors pass through.
   * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
   */
  async fulfil(order: Order, now: Date): Promise<boolean> {
    const Item = fulfilment(order, now);
    try {
      await this.#client.send(
        new PutItemCommand({ TableName: this.#name, Item, ConditionExpression: "attribute_not_exists(id)" }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  /** Delete the fulfilment of an order, if there is one. */
  async forget(orderId: string): Promise<void> {
    await this.#client.send(
      new DeleteItemCommand({ TableName: this.#name, Key: { id: { S: fulfilmentId(orderId) } } }),
    );
  }
}
