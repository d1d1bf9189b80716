// Fulfils each order of a batch of the table's stream, exactly once in effect.
//
// A record may come twice, in two versions and after failures: the condition of the write decides. Every record of a
// batch is tried, whatever the others do. An order that cannot be read is named in the answer and fails alone, for the
// event source's attempts and its dead-letter queue. Any other failure is a fault of this version or of the table, and
// is raised once the batch is done: Lambda counts only what is raised, and the canary's verdict rests on that count.
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { Logger } from "@aws-lambda-powertools/logger";
import { MetricUnit, type Metrics } from "@aws-lambda-powertools/metrics";
import type { Context, DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";

import { placed, UnreadableOrderError } from "./order";
import type { Table } from "./table";

/** The smoke hook marks its events at the top level, where a stream puts nothing: see app.hooks.smoke. */
export type Batch = DynamoDBStreamEvent & { readonly smoke?: boolean };
export type Handler = (event: Batch, context: Context) => Promise<DynamoDBBatchResponse>;

/** Return the Lambda handler of this service on the given table. */
export function build(table: Table, logger: Logger, metrics: Metrics, clock: () => Date = () => new Date()): Handler {
  return async (event, context) => {
    logger.addContext(context);
    logger.appendKeys({ version: context.functionVersion });
    const processor = new BatchProcessor(EventType.DynamoDBStreams);
    const tried: string[] = [];
    const fulfilled: string[] = [];
    const fulfil = async (record: DynamoDBRecord): Promise<void> => {
      try {
        const order = placed(record);
        if (order === undefined) return;
        tried.push(order.id);
        if (await table.fulfil(order, clock())) fulfilled.push(order.id);
      } catch (error) {
        log(logger, error as Error);
        throw error;
      }
    };
    try {
      const answer = await processPartialResponse(event, fulfil, processor, { throwOnFullBatchFailure: false });
      const fault = processor.errors.find((error) => !(error instanceof UnreadableOrderError));
      if (fault !== undefined) throw fault;
      return answer;
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
