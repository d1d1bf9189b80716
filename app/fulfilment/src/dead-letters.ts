// The queue of what this service cannot do. Its one call is sqs:SendMessage, which a stream's consumer needs anyway:
// Lambda sends there, by the same role, what a batch's attempts end with.
//
// The message is the event to try again, so the record outlives the stream's day: `make redrive` hands it over as it is.

import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { DynamoDBRecord } from "aws-lambda";

/** The part of SQSClient that is used, so that a test can stand in for it. */
export interface Client {
  send(command: SendMessageCommand): Promise<unknown>;
}

/** Return a client whose calls give up as the table's do: see connect in table.ts. */
export function connect(): SQSClient {
  return new SQSClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 2000, throwOnRequestTimeout: true },
  });
}

export class DeadLetters {
  readonly #url: string;
  readonly #client: Client;

  constructor(url: string, client: Client) {
    this.#url = url;
    this.#client = client;
  }

  /**
   * Send a record as an event of its own. The client's errors pass through, as of a record above SQS's 1 MiB.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
   */
  async take(record: DynamoDBRecord): Promise<void> {
    const MessageBody = JSON.stringify({ Records: [record] });
    await this.#client.send(new SendMessageCommand({ QueueUrl: this.#url, MessageBody }));
  }
}
