// The Lambda function; its handler is `main.handler`.
//
// This module reads the environment once, while Lambda initialises: TABLE_NAME (the one table), POWERTOOLS_SERVICE_NAME,
// POWERTOOLS_METRICS_NAMESPACE and, optionally, POWERTOOLS_LOG_LEVEL. Loading it makes no call to AWS.

import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";

import { tableName } from "./environment";
import { build } from "./handler";
import { connect, Table } from "./table";

export const handler = build(new Table(tableName(process.env), connect()), new Logger(), new Metrics());
