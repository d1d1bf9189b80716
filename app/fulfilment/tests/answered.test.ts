import assert from "node:assert/strict";
import { mock, test } from "node:test";

import type { Context } from "aws-lambda";

import { counted, isFault } from "../src/answered";

const CONTEXT = {
  functionName: "strata-test-hello",
  functionVersion: "7",
  invokedFunctionArn: "arn:aws:lambda:eu-central-1:111111111111:function:strata-test-hello:live",
  awsRequestId: "r1",
} as Context;

/** Return what a handler wrote while it answered a request. */
async function written(handler: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const write = mock.method(process.stdout, "write", (line: string) => {
    lines.push(line);
    return true;
  });
  try {
    await counted(handler)({}, CONTEXT).catch(() => undefined);
  } finally {
    write.mock.restore();
  }
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

void test("a fault that is answered is counted once, with Lambda's dimensions and the time of its beginning", async () => {
  const before = Date.now();
  const [found, ...others] = await written(() => Promise.resolve({ statusCode: 503 }));
  assert.deepEqual(others, []);
  const { _aws, ...values } = found as { _aws: { Timestamp: number; CloudWatchMetrics: unknown[] } };
  assert.ok(before <= _aws.Timestamp && _aws.Timestamp <= Date.now());
  const version = { FunctionName: "strata-test-hello", Resource: "strata-test-hello:live", ExecutedVersion: "7" };
  assert.deepEqual(values, { ...version, AnsweredFaults: 1, request_id: "r1" });
  assert.deepEqual(_aws.CloudWatchMetrics, [
    {
      Namespace: "Strata",
      Dimensions: [["FunctionName", "Resource"], Object.keys(version)],
      Metrics: [{ Name: "AnsweredFaults", Unit: "Count" }],
    },
  ]);
});

void test("what is thrown is Lambda's to count", async () => {
  assert.deepEqual(await written(() => Promise.reject(new Error("no such order"))), []);
});

void test("answers of 5xx and batches with failed items are faults, and nothing else is", () => {
  const faults = [{ statusCode: 500 }, { statusCode: "502" }, { batchItemFailures: [{ itemIdentifier: "1" }] }];
  assert.deepEqual(faults.map(isFault), [true, true, true]);
  const others = [{ statusCode: 404 }, { statusCode: 50 }, { statusCode: 5000 }, { batchItemFailures: [] }, {}, null, 500];
  assert.deepEqual(others.map(isFault), others.map(() => false));
});
