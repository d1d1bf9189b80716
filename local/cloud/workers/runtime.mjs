/**
 * Runs inside a worker process: imports the handler once, then answers one invocation after another, as runtime.py does
 * for Python, with the same lines of JSON on the socket.
 *
 * It is a script (`node OPTIONS runtime.mjs SOCKET HANDLER SERVER`; SERVER is the process id of the server).
 * Names, messages and order of events are those of AWS's runtime interface client, version 3 for nodejs22.x and
 * earlier, version 4 for nodejs24.x and later: https://github.com/aws/aws-lambda-nodejs-runtime-interface-client,
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html, nodejs-context.html, nodejs-logging.html
 */

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import util from "node:util";
import { Worker } from "node:worker_threads";

const ANSWER_BYTES = 6_291_556; // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const CALLBACKS_REMOVED =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
  "You need to modify this function to use a supported handler signature to use Node.js 24 or later. " +
  "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";
const NEVER_SETTLED =
  "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that " +
  "was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes";
const ENVIRONMENT = process.env;
const CALLBACKS = Number(/nodejs(\d+)/.exec(ENVIRONMENT.AWS_EXECUTION_ENV)[1]) < 24;
const [SOCKET, HANDLER, SERVER] = process.argv.splice(2);
const socket = Number(SOCKET);
const require = createRequire(import.meta.url);

const part = Buffer.allocUnsafeSlow(65_536);

let invocation;
let requestId = CALLBACKS ? undefined : "-";
let whenNothingIsLeft = () => {};

class Fault extends Error {
  /** An error of the runtime itself, under the name by which Lambda reports it. */
  constructor(kind, message, members = {}) {
    super(message);
    Object.defineProperty(this, "name", { value: `Runtime.${kind}`, enumerable: !CALLBACKS });
    this.stack = this.stack.replace(/^Error/, this.name);
    Object.assign(this, members);
  }
}

// The log

function writeEvent(text) {
  // One event of several lines: the server turns carriage returns within a line back.
  fs.writeSync(1, text.replaceAll("\n", "\r") + "\n");
}

function formatted(level, ...values) {
  return `${new Date().toISOString()}\t${requestId}\t${level}\t${util.format(...values)}`;
}

function patchConsole() {
  for (const level of ["trace", "debug", "info", "warn", "error", "fatal"]) {
    console[level] = (...values) => writeEvent(formatted(level.toUpperCase(), ...values));
  }
  console.log = console.info;
}

function logError(title, reason) {
  const withHidden = (_name, value) =>
    value instanceof Error
      ? {
          errorType: value.name,
          errorMessage: value.message,
          code: value.code,
          ...value,
          stack: typeof value.stack === "string" ? value.stack.split("\n") : undefined,
        }
      : value;
  let text;
  try {
    text = JSON.stringify(reason instanceof Error ? reason : new Error(String(reason)), withHidden);
  } catch {
    text = JSON.stringify(errorDocument(reason)); // a circle, or a member that throws
  }
  writeEvent(formatted("ERROR", title, `\t${text}`));
}

function errorDocument(error) {
  try {
    if (util.types.isNativeError(error) || error instanceof Error) {
      const { name, message, stack } = error;
      return { errorType: `${name}`, errorMessage: `${message}`, trace: `${stack ?? ""}`.split("\n") };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, " +
        "name, and stack",
      trace: [],
    };
  }
}

// The handler

function isModule(file) {
  if (!file.endsWith(".js")) return file.endsWith(".mjs");
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const described = path.join(folder, "package.json");
    if (fs.existsSync(described)) return JSON.parse(fs.readFileSync(described, "utf8")).type === "module";
    if (folder === path.dirname(folder) || path.basename(folder) === "node_modules") return false;
  }
}

async function importModule(root, name) {
  const file = path.resolve(ENVIRONMENT.LAMBDA_TASK_ROOT, root, name);
  try {
    for (const each of ["", ".js", ".mjs", ".cjs"].map((extension) => file + extension)) {
      if (fs.existsSync(each)) return isModule(each) ? await import(pathToFileURL(each)) : require(each);
    }
    return require(require.resolve(name, { paths: [ENVIRONMENT.LAMBDA_TASK_ROOT, root] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault("UserCodeSyntaxError", String(error));
    if (error?.code === "MODULE_NOT_FOUND") throw new Fault("ImportModuleError", String(error));
    throw error;
  }
}

async function load(handler) {
  if (handler.includes("..")) {
    const remedy = "Use absolute paths when specifying root directories in handler names.";
    throw new Fault("MalformedHandlerName", `'${handler}' is not a valid handler name. ${remedy}`);
  }
  const [, root, name, names] = /^(.*\/)?([^./]*)\.([^/]*)$/.exec(handler) ?? [];
  if (name === undefined) throw new Fault("MalformedHandlerName", "Bad handler");
  const module = await importModule(root ?? "", name);
  const find = (where) => names.split(".").reduce((found, key) => found?.[key], where);
  const found = find(module) ?? (CALLBACKS ? undefined : find(module.default));
  if (!found) throw new Fault("HandlerNotFound", `${handler} is undefined or not exported`);
  if (typeof found !== "function") throw new Fault("HandlerNotFound", `${handler} is not a function`);
  if (!CALLBACKS && found.length >= 3) throw new Fault("CallbackHandlerDeprecated", CALLBACKS_REMOVED);
  return found;
}

function contextOf(request) {
  const deadline = Date.now() + request.timeout * 1000;
  return {
    functionVersion: ENVIRONMENT.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: ENVIRONMENT.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: ENVIRONMENT.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: ENVIRONMENT.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: ENVIRONMENT.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: request.arn,
    awsRequestId: request.id,
    tenantId: undefined,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** Call a handler that may answer by callback, by its context or by a promise: the first one counts. */
function callWithCallback(handler, event, context) {
  return new Promise((resolve, reject) => {
    let waits = true;
    let answered = false;
    const succeed = (value) => resolve({ value }); // wrapped, since a promise that is passed on is not awaited
    const first = (act) => (...given) => {
      if (answered) return;
      answered = true;
      whenNothingIsLeft = () => {};
      act(...given);
    };
    const done = (error, value) => (error === undefined || error === null ? succeed(value) : reject(error));
    const callback = first((error, value) => {
      if (waits && (error === undefined || error === null)) whenNothingIsLeft = () => succeed(value);
      else done(error, value);
    });
    Object.assign(context, {
      succeed: first(succeed),
      fail: first((error) => reject(error ?? "handled")),
      done: first(done),
    });
    Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", {
      enumerable: true,
      get: () => waits,
      set: (value) => (waits = value),
    });
    whenNothingIsLeft = first(() =>
      handler.constructor?.name === "AsyncFunction" ? reject(new Fault("NodeJsExit", NEVER_SETTLED)) : succeed(null),
    );
    try {
      const result = handler(event, context, callback);
      if (typeof result?.then === "function") result.then(context.succeed, context.fail);
    } catch (error) {
      callback(error);
    }
  });
}

// One invocation after another

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

function send(text) {
  const bytes = Buffer.from(`${text}\n`);
  for (let sent = 0; sent < bytes.length; ) sent += fs.writeSync(socket, bytes, sent);
}

/**
 * Wait for the next invocation. This blocks, so that timers and connections stand still until then, as in an
 * environment that Lambda has frozen.
 */
function nextRequest() {
  const parts = [];
  for (;;) {
    let count;
    try {
      count = fs.readSync(socket, part);
    } catch (error) {
      if (error.code === "EINTR") continue;
      throw error;
    }
    if (count === 0) process.exit(0); // the server hung up
    const ends = part[count - 1] === 10;
    if (ends && parts.length === 0) return JSON.parse(part.toString("utf8", 0, count));
    parts.push(Buffer.from(part.subarray(0, count)));
    if (ends) return JSON.parse(Buffer.concat(parts).toString());
  }
}

function peakMegabytes() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]) >> 10;
  } catch {
    return 0;
  }
}

function stringify(value) {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    const message = "Unable to stringify response body";
    throw CALLBACKS ? new Error(message) : new Fault("JSONStringifyError", message);
  }
}

/** Conclude an invocation: write its error to the log, and return the answer with its report as JSON text. */
function conclude({ value, error, failed, milliseconds }) {
  let text;
  try {
    if (!failed) text = stringify(value);
  } catch (reason) {
    [error, failed] = [reason, true];
  }
  if (failed) {
    logError("Invoke Error", error);
    text = JSON.stringify(errorDocument(error));
  }
  if (Buffer.byteLength(text) > ANSWER_BYTES) {
    const size = `maximum allowed payload size (${ANSWER_BYTES} bytes)`;
    const reason = JSON.stringify({ errorMessage: `Exceeded ${size}`, errorType: "RequestEntityTooLarge" });
    const failure = "LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413.";
    writeEvent(`[ERROR] [${Date.now()}] ${failure} ${reason}`);
    const errorMessage = `Response payload size exceeded ${size}.`;
    text = JSON.stringify({ errorType: "Function.ResponseSizeTooLarge", errorMessage });
    failed = true;
  }
  return report(!failed, milliseconds, text);
}

function report(ok, milliseconds, text, exits = 0) {
  const head = JSON.stringify({ ok, milliseconds, megabytes: peakMegabytes(), exits });
  return `${head.slice(0, -1)}, "body": ${text}}`;
}

async function serve(handler) {
  for (;;) {
    const request = nextRequest();
    requestId = request.id;
    invocation = { started: performance.now(), answer: undefined };
    await turn(); // connections that were closed and timers that ran out meanwhile are seen before the handler runs
    const context = contextOf(request);
    const started = performance.now();
    const outcome = {};
    try {
      outcome.value = CALLBACKS
        ? (await callWithCallback(handler, request.event, context)).value
        : await handler(request.event, context);
    } catch (error) {
      Object.assign(outcome, { error, failed: true });
    }
    outcome.milliseconds = performance.now() - started;
    // Before version 4, what fails in the same turn comes too late to change the answer.
    if (CALLBACKS) invocation.answer = conclude(outcome);
    await turn();
    send(invocation.answer ?? conclude(outcome));
  }
}

/** Answer for an error that no code caught, and end. Version 4 leaves it to Node, which prints it and exits with 1. */
function end(title, error, status) {
  logError(title, error);
  const document = JSON.stringify(errorDocument(error));
  if (invocation === undefined) {
    send(`{"ok": false, "error": ${document}}`);
  } else {
    const answer = invocation.answer ?? report(false, performance.now() - invocation.started, document);
    send(JSON.stringify({ ...JSON.parse(answer), exits: status }));
  }
  process.exit(status);
}

function listen() {
  const rejection = (reason, promise) => new Fault("UnhandledPromiseRejection", String(reason), { reason, promise });
  if (CALLBACKS) {
    process.on("uncaughtException", (error) => end("Uncaught Exception", error, 129));
    process.on("unhandledRejection", (reason, promise) =>
      end("Unhandled Promise Rejection", rejection(reason, promise), 128),
    );
    process.on("beforeExit", () => whenNothingIsLeft());
  } else {
    process.on("unhandledRejection", (reason, promise) => {
      throw rejection(reason, promise);
    });
  }
}

/** End when the server ends, even if the handler never returns: by a thread, since the handler may hold this one. */
function watch() {
  const poll =
    "const { workerData } = require('node:worker_threads');" +
    "setInterval(() => process.ppid === workerData || process.kill(process.pid, 'SIGKILL'), 1000);";
  new Worker(poll, { eval: true, env: {}, execArgv: [], workerData: Number(SERVER) }).unref();
}

function refuseStreams() {
  const refuse = () => {
    throw new Error("the local cloud does not imitate response streaming: return the response from the handler");
  };
  globalThis.awslambda = { streamifyResponse: refuse, HttpResponseStream: { from: refuse } };
}

watch();
patchConsole();
listen();
refuseStreams();
const started = performance.now();
let handler;
try {
  handler = await load(HANDLER);
} catch (error) {
  if (CALLBACKS) {
    end("Uncaught Exception", error, 129);
  }
  logError("Init Error", error);
  send(`{"ok": false, "error": ${JSON.stringify(errorDocument(error))}}`);
  process.exit(1);
}
const milliseconds = performance.now() - started;
await turn(); // a promise that the module left unhandled fails the import
send(JSON.stringify({ ok: true, milliseconds }));
await serve(handler);
