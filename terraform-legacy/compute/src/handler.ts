// Takes orders and gives them back. The table of the data layer keeps each under its id, an attribute for each field.
import { randomUUID } from "node:crypto";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";

interface Order {
  customer_id: string;
  currency: string;
  items: { sku: string; quantity: number }[];
}

const table = process.env.TABLE_NAME;
const dynamo = new DynamoDBClient({});

function answer(statusCode: number, body: unknown): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function stored(id: string, order: Order): Record<string, AttributeValue> {
  const items = order.items.map(({ sku, quantity }) => ({ M: { sku: { S: sku }, quantity: { N: String(quantity) } } }));
  return { id: { S: id }, customer_id: { S: order.customer_id }, currency: { S: order.currency }, items: { L: items } };
}

function read(item: Record<string, AttributeValue>): Order {
  const lines = item.items?.L ?? [];
  return {
    customer_id: item.customer_id?.S ?? "",
    currency: item.currency?.S ?? "",
    items: lines.map(({ M }) => ({ sku: M?.sku?.S ?? "", quantity: Number(M?.quantity?.N) })),
  };
}

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  switch (event.routeKey) {
    case "GET /health":
      return answer(200, { status: "ok" });
    case "POST /orders": {
      const id = `ord_${randomUUID().replaceAll("-", "")}`;
      const order = JSON.parse(event.body ?? "{}") as Order;
      await dynamo.send(new PutItemCommand({ TableName: table, Item: stored(id, order) }));
      return answer(201, { id, ...order });
    }
    case "GET /orders/{id}": {
      const id = event.pathParameters?.id ?? "";
      const found = await dynamo.send(new GetItemCommand({ TableName: table, Key: { id: { S: id } }, ConsistentRead: true }));
      return found.Item ? answer(200, { id, ...read(found.Item) }) : answer(404, { message: "no such order" });
    }
    default:
      return answer(404, { message: "no such route" });
  }
}
