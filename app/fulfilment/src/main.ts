// The Lambda function; its handler is `main.handler`.
//
// This module reads the environment once, while Lambda initialises: TABLE_NAME (the one table), DEAD_LETTERS_URL (this
// service's queue of dead letters), POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_NAMESPACE and, optionally,
// POWERTOOLS_LOG_LEVEL. Loading it makes no call to AWS.

import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";

import { connect as connectQueue, DeadLetters } from "./dead-letters";
import { places } from "./environment";
import { build } from "./handler";
import { connect as connectTable, Table } from "./table";

const { table, deadLetters } = places(process.env);

export const handler = build(
  new Table(table, connectTable()),
  new DeadLetters(deadLetters, connectQueue()),
  new Logger(),
  new Metrics(),
);
