// Fulfils each order of a batch of the table's stream, exactly once in effect.
//
// A record may come twice, in two versions and after failures: the condition of the write decides. Every record of a
// batch is tried, whatever the others do. What fails but for an order that cannot be read is a fault of this version or
// of the table, and is raised once the batch is done: Lambda counts only what is raised, and the canary's verdict rests
// on that count; Lambda then splits the batch, down to the record alone, and tries it again.
//
// An order that cannot be read goes to the dead-letter queue from here, once nothing else in its batch has failed, and
// the batch succeeds. To report it to Lambda would not do: AWS says only that a batch is split at the reported record,
// so where that is the first, the good ones behind it might share its attempts and be dead letters too.
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Logger } from "@aws-lambda-powertools/logger";
import { MetricUnit, type Metrics } from "@aws-lambda-powertools/metrics";
import type { Context, DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";

import type { DeadLetters } from "./dead-letters";
import { placed, UnreadableOrderError } from "./order";
import type { Table } from "./table";

/**
 * A batch of the stream, or one that is marked at the top level, where a stream puts nothing: by the smoke hook, which
 * must find no trace of its events (app.hooks.smoke), or by `make redrive`, which keeps the dead letter of a record that
 * is reported. To neither is a dead letter due; both are answered with what Lambda would be.
 */
export type Batch = DynamoDBStreamEvent & { readonly smoke?: boolean; readonly redrive?: boolean };
export type Handler = (event: Batch, context: Context) => Promise<DynamoDBBatchResponse>;

/** Return the Lambda handler of this service on the given table and queue. */
export function build(
  table: Table,
  deadLetters: DeadLetters,
  logger: Logger,
  metrics: Metrics,
  clock: () => Date = () => new Date(),
): Handler {
  return async (event, context) => {
    logger.addContext(context);
    logger.appendKeys({ version: context.functionVersion });
    const processor = new BatchProcessor(EventType.DynamoDBStreams);
    const tried: string[] = [];
    const fulfilled: string[] = [];
    const unreadable: DynamoDBRecord[] = [];
    const fulfil = async (record: DynamoDBRecord): Promise<void> => {
      try {
        const order = placed(record);
        if (order === undefined) return;
        tried.push(order.id);
        if (await table.fulfil(order, clock())) fulfilled.push(order.id);
      } catch (error) {
        log(logger, error as Error);
        if (error instanceof UnreadableOrderError) unreadable.push(record);
        throw error;
      }
    };
    try {
      const answer = await processPartialResponse(event, fulfil, processor, { throwOnFullBatchFailure: false });
      const fault = processor.errors.find((error) => !(error instanceof UnreadableOrderError));
      if (fault !== undefined) throw fault;
      if (event.smoke === true || event.redrive === true) return answer;
      for (const record of unreadable) await deadLetters.take(record);
      return { batchItemFailures: [] };
    } finally {
      if (event.smoke === true) await Promise.all(tried.map((id) => table.forget(id)));
      else if (fulfilled.length > 0) {
        logger.info("orders fulfilled", { order_ids: fulfilled });
        metrics.addMetric("OrdersFulfilled", MetricUnit.Count, fulfilled.length);
        metrics.publishStoredMetrics();
      }
    }
  };
}

/** Log why an order is not fulfilled; a fault in Lambda's form, beside the keys of this version and request. */
function log(logger: Logger, error: Error): void {
  if (error instanceof UnreadableOrderError) logger.warn(error.message);
  else logger.error(`${error.name}: ${error.message}`);
}
