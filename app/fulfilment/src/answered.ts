// Counts the requests that a function answers with a fault of its own, of which Lambda counts none.
//
// Lambda's Errors are what a function throws, and its timeouts. With `errors: answered` in service.yaml the release adds
// this metric to them, so that it judges what callers see. The metric is a line of the log in CloudWatch's embedded metric
// format: no request waits for a call. `make service ERRORS=answered` copies this file; fulfilment itself throws.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

import type { Context } from "aws-lambda";

const NAMESPACE = "Strata";
const METRIC = "AnsweredFaults";
// The dimensions of Lambda's own metrics: of the alias, and of a version behind it.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
const ALIAS = ["FunctionName", "Resource"];
const VERSION = [...ALIAS, "ExecutedVersion"];

export type Handler<Event, Answer> = (event: Event, context: Context) => Promise<Answer>;

/** Return the handler; it writes the metric once for each answer that is a fault, and never for what it throws. */
export function counted<Event, Answer>(handler: Handler<Event, Answer>): Handler<Event, Answer> {
  return async (event, context) => {
    const began = Date.now();
    const answer = await handler(event, context);
    // Not by console.log, before whose lines Lambda puts the time and the request.
    if (isFault(answer)) process.stdout.write(`${JSON.stringify(line(context, began))}\n`);
    return answer;
  };
}

/** Return true for an HTTP answer of 5xx, and for a batch of which items are reported as failed, one or all. */
export function isFault(answer: unknown): boolean {
  if (typeof answer !== "object" || answer === null) return false;
  const { statusCode, batchItemFailures } = answer as { statusCode?: unknown; batchItemFailures?: unknown };
  return (Array.isArray(batchItemFailures) && batchItemFailures.length > 0) || /^5..$/.test(String(statusCode));
}

/** Return the metric of one fault. Like Lambda's own it is of the time when the request began, in milliseconds. */
function line(context: Context, began: number): Record<string, unknown> {
  const about = { Namespace: NAMESPACE, Dimensions: [ALIAS, VERSION], Metrics: [{ Name: METRIC, Unit: "Count" }] };
  return {
    _aws: { Timestamp: began, CloudWatchMetrics: [about] },
    FunctionName: context.functionName,
    Resource: context.invokedFunctionArn.split(":").slice(6).join(":"), // function:alias, as it was called
    ExecutedVersion: context.functionVersion,
    [METRIC]: 1,
    request_id: context.awsRequestId,
  };
}
