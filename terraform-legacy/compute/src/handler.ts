// Takes orders and gives them back. The table of the data layer keeps each under its id.
import { randomUUID } from "node:crypto";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";

const table = process.env.TABLE_NAME;
const dynamo = new DynamoDBClient({});

function answer(statusCode: number, body: unknown): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  switch (event.routeKey) {
    case "GET /health":
      return answer(200, { status: "ok" });
    case "POST /orders": {
      const id = `ord_${randomUUID().replaceAll("-", "")}`;
      const order = event.body ?? "{}";
      await dynamo.send(new PutItemCommand({ TableName: table, Item: { id: { S: id }, order: { S: order } } }));
      return answer(201, { id });
    }
    case "GET /orders/{id}": {
      const id = event.pathParameters?.id ?? "";
      const found = await dynamo.send(new GetItemCommand({ TableName: table, Key: { id: { S: id } } }));
      return found.Item ? answer(200, { id, order: found.Item.order?.S }) : answer(404, { message: "no such order" });
    }
    default:
      return answer(404, { message: "no such route" });
  }
}
