"""Node.js functions, where they differ from Python's: modules, callbacks, the console, what a process holds.

Names, texts and order are those of AWS's runtime interface client and of answers that its users recorded:
https://github.com/aws/aws-lambda-nodejs-runtime-interface-client,
https://github.com/arithmetric/aws-lambda-ses-forwarder/issues/154 (callbacks of nodejs24.x)
"""

import json
import socket
import time

import pytest

from local.tests.cloud.conftest import Functions
from local.tests.cloud.node import BOTH, NEW, OLD, Logs, logs, zipped

__all__ = ["logs"]  # a fixture

COMMON, MODULE = "exports.handler = async () => 'common';\n", "export const handler = async () => 'module';\n"


@BOTH
@pytest.mark.parametrize(
    ("handler", "files", "answer"),
    [
        ("app.handler", {"app.mjs": MODULE}, "module"),
        ("app.handler", {"app.js": COMMON}, "common"),
        ("app.handler", {"app.cjs": COMMON}, "common"),
        ("app.handler", {"app.js": MODULE, "package.json": '{"type": "module"}'}, "module"),
        ("app.handler", {"app.js": COMMON, "app.mjs": MODULE}, "common"),
        ("src/api/app.handler", {"src/api/app.mjs": MODULE}, "module"),
        ("app.api.get", {"app.js": "exports.api = { get: async () => 'nested' };\n"}, "nested"),
        ("app.handler", {"app.mjs": "import { createRequire } from 'node:module';\n" + MODULE}, "module"),
        ("app.handler", {"app.js": "exports.handler = () => 'no promise';\n"}, None),
    ],
)
def test_a_handler_is_found_in_a_common_module_or_an_es_module(
    functions: Functions, runtime: str, handler: str, files: dict[str, str], answer: str | None
) -> None:
    functions.create(zipped(files), Runtime=runtime, Handler=handler)
    # A plain value of a handler that is not async counts only since nodejs24.x; before, it had to call back.
    expected = answer or (None if runtime == OLD else "no promise")
    assert functions.invoke(qualifier="")["Payload"] == expected


def test_a_member_of_a_default_export_is_a_handler_since_24(functions: Functions) -> None:
    source = "export default { handler: async () => 'by default' };\n"
    functions.create(source, Runtime=NEW)
    assert functions.invoke(qualifier="")["Payload"] == "by default"
    functions.create(source, "older", Runtime=OLD)
    assert functions.invoke(name="older", qualifier="")["Payload"]["errorType"] == "Runtime.HandlerNotFound"


@BOTH
def test_the_console_writes_each_call_as_one_event_with_time_request_and_level(
    functions: Functions, logs: Logs, runtime: str
) -> None:
    functions.create(
        "console.log('loading');\nexport const handler = async () => {\n"
        "  for (const level of ['trace', 'debug', 'info', 'log', 'warn', 'error'])\n"
        "    console[level]('a\\n%s', level, [1]);\n"
        "  process.stdout.write('plain\\n'); process.stderr.write('error\\n');\n};\n",
        Runtime=runtime,
    )
    request = functions.invoke(qualifier="")["ResponseMetadata"]["RequestId"]
    start, loading, *said, plain, error, end, _ = logs()
    assert (start.split()[0], end.split()[0], plain, error) == ("START", "END", "plain\n", "error\n")
    assert loading.split("\t")[1:] == ["undefined" if runtime == OLD else "-", "INFO", "loading\n"]
    levels = ["trace", "debug", "info", "log", "warn", "error"]
    shown = {"log": "INFO"}
    assert [line.split("\t")[1:] for line in said] == [
        [request, shown.get(level, level.upper()), f"a\n{level} [ 1 ]\n"] for level in levels
    ]


CALLBACKS = [
    ("(event, context, callback) => callback(null, { ok: true })", {"ok": True}),
    ("(event, context, callback) => callback()", None),
    ("(event, context, callback) => { setTimeout(() => callback(null, 'later')); }", "later"),
    ("(event, context, callback) => { callback(null, 'first'); callback(null, 'second'); }", "first"),
    ("(event, context, callback) => {}", None),
    ("(event, context) => context.succeed('by context')", "by context"),
    ("(event, context) => context.done(null, 'done')", "done"),
    ("(event) => new Promise((resolve) => setTimeout(() => resolve('promised')))", "promised"),
]


@pytest.mark.parametrize(("source", "answer"), CALLBACKS)
def test_before_24_a_handler_may_answer_by_callback_or_context(
    functions: Functions, source: str, answer: object
) -> None:
    functions.create(f"export const handler = {source};\n", Runtime=OLD)
    for _ in range(2):
        response = functions.invoke(qualifier="")
        assert "FunctionError" not in response
        assert response["Payload"] == answer


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("(event, context, callback) => callback(new TypeError('no'))", "TypeError", "no"),
        ("(event, context, callback) => callback('no')", "string", "no"),
        ("(event, context, callback) => { throw new TypeError('thrown'); }", "TypeError", "thrown"),
        ("(event, context) => context.fail(new TypeError('failed'))", "TypeError", "failed"),
        ("(event, context) => context.fail()", "string", "handled"),
    ],
)
def test_before_24_a_handler_may_fail_by_callback_or_context(
    functions: Functions, source: str, kind: str, message: str
) -> None:
    functions.create(f"export const handler = {source};\n", Runtime=OLD)
    failed = functions.invoke(qualifier="")["Payload"]
    assert (failed["errorType"], failed["errorMessage"]) == (kind, message)


def test_a_callback_waits_until_nothing_is_left_to_do_unless_the_context_says_otherwise(functions: Functions) -> None:
    functions.create(
        "let done = 0;\nexport const handler = (event, context, callback) => {\n"
        "  context.callbackWaitsForEmptyEventLoop = event.waits;\n"
        "  setTimeout(() => { done += 1; }, event.seconds * 1000);\n"
        "  callback(null, { toJSON: () => done });\n};\n",
        Runtime=OLD,
        Timeout=500,
    )
    assert functions.invoke({"waits": True, "seconds": 0.2}, qualifier="")["Payload"] == 1
    assert functions.invoke({"waits": False, "seconds": 600}, qualifier="")["Payload"] == 1


def test_since_24_a_handler_that_takes_a_callback_is_refused(functions: Functions, logs: Logs) -> None:
    functions.create("export const handler = async (event, context, callback) => 5;\n", Runtime=NEW)
    failed = functions.invoke(qualifier="")["Payload"]
    assert failed["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert failed["errorMessage"].startswith(
        "ERROR: AWS Lambda has removed support for callback-based function handlers"
    )
    (line,) = [message for message in logs() if "Init Error" in message]
    assert json.loads(line.rpartition("\t")[2])["name"] == "Runtime.CallbackHandlerDeprecated"


@pytest.mark.parametrize(("runtime", "there"), [(OLD, "function"), (NEW, "undefined")])
def test_the_contexts_own_ways_to_answer_are_gone_since_24(functions: Functions, runtime: str, there: str) -> None:
    functions.create(
        "export const handler = async (event, context) => [typeof context.succeed, typeof context.fail,\n"
        "  typeof context.done, typeof context.callbackWaitsForEmptyEventLoop];\n",
        Runtime=runtime,
    )
    said = functions.invoke(qualifier="")["Payload"]
    assert said == [there, there, there, "boolean" if runtime == OLD else "undefined"]


@BOTH
def test_a_worker_stands_still_between_two_calls(functions: Functions, runtime: str) -> None:
    functions.create(
        "let ticks = 0;\nsetInterval(() => { ticks += 1; }, 1);\nexport const handler = async (event) => {\n"
        "  const seen = ticks;\n  await new Promise((resolve) => setTimeout(resolve, 50));\n"
        "  const before = globalThis.after ?? seen;\n  globalThis.after = ticks;\n  return [before, seen];\n};\n",
        Runtime=runtime,
    )
    functions.invoke(qualifier="")
    time.sleep(1)
    before, seen = functions.invoke(qualifier="")["Payload"]
    assert seen - before < 10, "a timer of a millisecond ran for a second in which no call was under way"


@BOTH
def test_a_connection_that_was_closed_between_two_calls_is_closed_when_the_handler_runs(
    functions: Functions, runtime: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        functions.create(
            "import net from 'node:net';\nlet ended = false;\nexport const handler = async (port) => {\n"
            "  if (port === null) return ended;\n  const opened = net.connect(port, '127.0.0.1');\n"
            "  opened.resume().on('end', () => { ended = true; });\n"
            "  await new Promise((resolve) => opened.on('connect', resolve));\n  return ended;\n};\n",
            Runtime=runtime,
        )
        assert functions.invoke(server.getsockname()[1], qualifier="")["Payload"] is False
        server.accept()[0].close()
        assert functions.invoke(qualifier="")["Payload"] is True


def test_node_options_of_the_function_count_and_lambdas_own_give_way(functions: Functions) -> None:
    source = "import { createRequire } from 'node:module';\nexport const handler = async () =>\n  process.execArgv;\n"
    functions.create(source, Runtime=OLD)
    off = ["--no-experimental-require-module", "--no-experimental-detect-module"]
    assert functions.invoke(qualifier="")["Payload"] == off
    functions.reconfigure(Environment={"Variables": {"NODE_OPTIONS": "--experimental-require-module"}})
    assert functions.invoke(qualifier="")["Payload"] == off[1:]


@BOTH
def test_a_layers_folder_for_the_runtime_comes_before_its_common_one(functions: Functions, runtime: str) -> None:
    major = runtime.removeprefix("nodejs").removesuffix(".x")
    folders = {f"nodejs/node{major}": "special", "nodejs": "common"}
    files = {
        f"{folder}/node_modules/shared/index.js": f"exports.NAME = '{text}';\n" for folder, text in folders.items()
    }
    layer = functions.client.publish_layer_version(LayerName="shared", Content={"ZipFile": zipped(files)})
    source = "exports.handler = async () => require('shared').NAME;\n"
    functions.create(zipped({"app.js": source}), Runtime=runtime, Layers=[layer["LayerVersionArn"]])
    assert functions.invoke(qualifier="")["Payload"] == "special"


def test_streaming_a_response_is_refused_in_words(functions: Functions) -> None:
    functions.create("export const handler = awslambda.streamifyResponse(async () => {});\n", Runtime=OLD)
    failed = functions.invoke(qualifier="")["Payload"]
    assert "does not imitate response streaming" in failed["errorMessage"]


@BOTH
def test_the_process_holds_nothing_of_the_cloud(functions: Functions, runtime: str) -> None:
    functions.create("export const handler = async () => process.argv.slice(2);\n", Runtime=runtime)
    assert functions.invoke(qualifier="")["Payload"] == []
