"""The commits that a rehearsal makes to its copy of the app. Each replaces exact text, so that after a change of the
app an outdated edit is an error and does not go unnoticed. COUNTED, BOXED, QUEUED and NOTIFIED change fulfilment, the
others orders."""

from rehearsal.environment.workspace import Edit

GOOD = Edit(
    title="Say the name of the service in /health",
    file="app/orders/routes.py",
    before='return answer(200, {"status": "ok"})',
    after='return answer(200, {"service": "orders", "status": "ok"})',
)

COUNTED = Edit(
    title="Keep with a fulfilment how many lines its order has",
    file="app/fulfilment/src/fulfilment.ts",
    before="    order_id: { S: order.id },\n",
    after="    order_id: { S: order.id },\n    line_count: { N: String(order.lines.length) },\n",
)

# Boxes for one piece and for two. A third of the orders of live traffic have three, so about a third of the batches of
# the table's stream raise.
BOXED = Edit(
    title="Name the boxes of a fulfilment",
    file=COUNTED.file,
    before="    line_count: { N: String(order.lines.length) },\n",
    after="    line_count: { N: String(order.lines.length) },\n"
    "    boxes: {\n"
    '      L: order.lines.map((each) => ({ S: (["small", "large"][each.quantity - 1] as string).toUpperCase() })),\n'
    "    },\n",
)

# Further triggers, so that the deploy role has all that it may declare. Nothing is ever sent by them.
QUEUED = Edit(
    title="Give fulfilment a queue",
    file="app/fulfilment/service.yaml",
    before="writes: [table/orders]\n",
    after="writes: [table/orders]\nqueue:\n  batch: 5\n",
)

NOTIFIED = Edit(
    title="Call fulfilment by events and each month",
    file=QUEUED.file,
    before="queue:\n  batch: 5\n",
    after="queue:\n  batch: 5\nevents:\n  source: [rehearsal]\nschedule: rate(30 days)\n",
)

# A lookup table with half of its rows. Live traffic uses four currencies equally often, so half of the orders raise.
BAD = Edit(
    title="Add the payment fee to an order's total",
    file="app/orders/orders.py",
    before='"total_cents": sum(item["quantity"] * item["unit_price_cents"] for item in items),',
    after='"total_cents": sum(item["quantity"] * item["unit_price_cents"] for item in items)\n'
    '        + {"EUR": 25, "USD": 30}[new["currency"]],',
)

FIXED = Edit(
    title="Know the payment fee of every currency",
    file=BAD.file,
    before='{"EUR": 25, "USD": 30}',
    after='{"CHF": 25, "EUR": 25, "GBP": 20, "USD": 30}',
)

# The same fault as BAD, as most web frameworks have it: half of the orders are answered with a 500 in good order, so
# nothing raises, and Lambda counts no error.
ANSWERED = Edit(
    title="Refuse currencies without a payment fee by an answer of 500",
    file="app/orders/routes.py",
    before="        idempotency.register_lambda_context(app.lambda_context)\n",
    after='        if new["currency"] not in {"EUR", "USD"}:\n'
    '            return answer(500, {"errors": [{"field": "currency", "reason": "has no payment fee"}]})\n'
    "        idempotency.register_lambda_context(app.lambda_context)\n",
)

# Callers rely on 404 for an unknown order. Nothing raises, so no alarm would fire.
WRONG = Edit(
    title="Be friendlier about an unknown order",
    file="app/orders/routes.py",
    before='return refusal(404, {"field": "id"',
    after='return refusal(200, {"field": "id"',
)

HARMLESS = Edit(
    title="Say in /health what was checked",
    file="app/orders/routes.py",
    before='{"service": "orders", "status": "ok"}',
    after='{"checked": [], "service": "orders", "status": "ok"}',
)

NAMED = Edit(
    title="Name in /health what was checked",
    file=HARMLESS.file,
    before='{"checked": [], ',
    after='{"checked": ["process"], ',
)

CANNOT_IMPORT = Edit(
    title="Use a module that is not in the bundle",
    file="app/orders/main.py",
    before="from app.orders import receipts, service, store\n",
    after="import strata_module_left_behind\n\nfrom app.orders import receipts, service, store\n",
)

# Another system writes to the same table: its attributes of an item are not part of the order.
READABLE = Edit(
    title="Leave out of an order what other systems keep beside it",
    file="app/orders/store.py",
    before='return cast("Order", _whole(_from_dynamodb({"M": item})))',
    after='own = {name: value for name, value in item.items() if "B" not in value}\n'
    '    return cast("Order", _whole(_from_dynamodb({"M": own})))',
)
