"""Handlers that do the same in every language whose functions the local cloud runs in workers of its own."""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Language:
    """A runtime, and the source of one module for each thing that a test wants a handler to do."""

    runtime: str
    echo: str
    """Returns the event."""
    context: str
    """Returns the members of its context that the event names, as text, and the time left in milliseconds."""
    names: tuple[str, ...]
    """Function, version, invoked ARN, memory, log group: their names in the context."""
    environment: str
    """Returns its environment."""
    account: str
    """Returns its account, and how many queues there are."""
    identity: str
    """Returns the ARN by which the cloud knows it."""
    process: str
    """Returns its process id after `event` seconds, in which it does nothing else."""
    waits: str
    """Returns its process id after `event` seconds, in which it would do other things."""
    raises: str
    """Raises a TypeError with the event as its text if there is one; else returns its process id."""
    exits: str
    """Ends its process with the event as its exit status."""
    killed: str
    """Ends its process by SIGKILL."""
    countdown: str
    """Calls itself with the event less one, and returns the events of all calls."""
    colour: str
    """Returns the variable COLOUR."""
    layer: tuple[str, str]
    """A file of a layer, and what it holds: a module `shared` with the name `layer`."""
    shared: str
    """Returns the name in the layer's module."""
    says: str
    """Writes `seen` and the event to its log."""
    long: str
    """Returns a text of `event` letters, or the length of the event if that is a text."""
    loads: str
    """Writes `loading` when it is imported, `one` and `two` when it is called."""
    stream: str
    """Returns the name of its log stream."""
    last_words: str
    """Writes `last words` and never returns; ends by SIGABRT if the event is true."""
    request: str
    """Returns its request id."""
    request_raised: str
    """Raises its request id."""


_CALL = """
const call = async (service, path, body, headers) => {
  const { AWS_ACCESS_KEY_ID: key, AWS_SESSION_TOKEN: token, AWS_REGION: region } = process.env;
  const credential = `Credential=${key}/20260101/${region}/${service}/aws4_request`;
  const Authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=none`;
  const session = token ? { "X-Amz-Security-Token": token } : {};
  const request = { method: "POST", body, headers: { Authorization, ...session, ...headers } };
  return (await fetch(process.env.AWS_ENDPOINT_URL + path, request)).text();
};
"""

PYTHON = Language(
    runtime="python3.11",
    echo="def handler(event, context):\n    return event\n",
    context=(
        "def handler(event, context):\n    return {name: str(getattr(context, name)) for name in event} | {\n"
        "        'left': context.get_remaining_time_in_millis()}\n"
    ),
    names=("function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "log_group_name"),
    environment="import os\ndef handler(event, context):\n    return dict(os.environ)\n",
    account=(
        "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Account'] + "
        "str(len(boto3.client('sqs').list_queues().get('QueueUrls', [])))\n"
    ),
    identity=(
        "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
    ),
    process="import os, time\ndef handler(event, context):\n    time.sleep(event)\n    return os.getpid()\n",
    waits="import os, time\ndef handler(event, context):\n    time.sleep(event)\n    return os.getpid()\n",
    raises=("import os\ndef handler(event, context):\n    if event: raise TypeError(event)\n    return os.getpid()\n"),
    exits="import os, sys\ndef handler(event, context):\n    os._exit(event) if event else sys.exit()\n",
    killed="import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    countdown=(
        "import boto3, json\ndef handler(event, context):\n    if event == 0: return [0]\n"
        "    below = boto3.client('lambda').invoke(FunctionName='orders', Payload=json.dumps(event - 1))\n"
        "    return [event, *json.load(below['Payload'])]\n"
    ),
    colour="import os\ndef handler(event, context):\n    return os.environ.get('COLOUR')\n",
    layer=("python/shared.py", "NAME = 'layer'\n"),
    shared="import shared\ndef handler(event, context):\n    return shared.NAME\n",
    says="def handler(event, context):\n    print('seen', event)\n",
    long="def handler(event, context):\n    return 'x' * event if isinstance(event, int) else len(event)\n",
    loads="print('loading')\ndef handler(event, context):\n    print('one')\n    print('two')\n",
    stream="def handler(event, context):\n    return context.log_stream_name\n",
    last_words=(
        "import os, time\ndef handler(event, context):\n"
        "    os.write(1, b'last words\\n')\n    os.abort() if event else time.sleep(60)\n"
    ),
    request="def handler(event, context):\n    return context.aws_request_id\n",
    request_raised="def handler(event, context):\n    raise ValueError(context.aws_request_id)\n",
)
NODE = Language(
    runtime="nodejs22.x",
    echo="export const handler = async (event) => event;\n",
    context=(
        "export const handler = async (event, context) => ({ left: context.getRemainingTimeInMillis(),\n"
        "  ...Object.fromEntries(event.map((name) => [name, String(context[name])])) });\n"
    ),
    names=("functionName", "functionVersion", "invokedFunctionArn", "memoryLimitInMB", "logGroupName"),
    environment="export const handler = async () => process.env;\n",
    account=(
        f"{_CALL}export const handler = async () => {{\n"
        "  const found = JSON.parse(await call('sqs', '/', '{}', { 'X-Amz-Target': 'AmazonSQS.ListQueues',\n"
        "    'Content-Type': 'application/x-amz-json-1.0' }));\n"
        "  return found.QueueUrls[0].split('/').at(-2) + found.QueueUrls.length; };\n"
    ),
    identity=(
        f"{_CALL}export const handler = async () => {{\n"
        "  const answer = await call('sts', '/', 'Action=GetCallerIdentity&Version=2011-06-15',\n"
        "    { 'Content-Type': 'application/x-www-form-urlencoded' });\n"
        "  return /<Arn>(.*)<\\/Arn>/.exec(answer)?.[1] ?? answer; };\n"
    ),
    process=(
        "export const handler = async (event) => {\n  const end = Date.now() + event * 1000;\n"
        "  while (Date.now() < end);\n  return process.pid;\n};\n"
    ),
    waits=(
        "export const handler = async (event) => {\n"
        "  await new Promise((resolve) => setTimeout(resolve, event * 1000));\n  return process.pid;\n};\n"
    ),
    raises="export const handler = async (event) => { if (event) throw new TypeError(event); return process.pid; };\n",
    exits="export const handler = async (event) => process.exit(event);\n",
    killed="export const handler = () => { process.kill(process.pid, 'SIGKILL'); for (;;); };\n",
    countdown=(
        f"{_CALL}export const handler = async (event) => event === 0 ? [0] : [event, ...JSON.parse(await call(\n"
        "  'lambda', '/2015-03-31/functions/orders/invocations', String(event - 1)))];\n"
    ),
    colour="export const handler = async () => process.env.COLOUR;\n",
    layer=("nodejs/node_modules/shared/index.js", "exports.NAME = 'layer';\n"),
    shared=(
        "import { createRequire } from 'node:module';\nconst shared = createRequire(import.meta.url)('shared');\n"
        "export const handler = async () => shared.NAME;\n"
    ),
    says="export const handler = async (event) => console.log('seen', event);\n",
    long="export const handler = async (event) => typeof event === 'number' ? 'x'.repeat(event) : event.length;\n",
    loads=(
        "const say = (text) => process.stdout.write(`${text}\\n`);\nsay('loading');\n"
        "export const handler = async () => { say('one'); say('two'); };\n"
    ),
    stream="export const handler = async (event, context) => context.logStreamName;\n",
    last_words=(
        "import fs from 'node:fs';\nexport const handler = async (event) => {\n  fs.writeSync(1, 'last words\\n');\n"
        "  if (event) process.kill(process.pid, 'SIGABRT');\n  for (;;);\n};\n"
    ),
    request="export const handler = async (event, context) => context.awsRequestId;\n",
    request_raised="export const handler = async (event, context) => { throw new Error(context.awsRequestId); };\n",
)


@pytest.fixture(params=[PYTHON, NODE], ids=["python", "node"])
def language(request: pytest.FixtureRequest) -> Language:
    """Runs a test once for each language."""
    found: Language = request.param
    return found
