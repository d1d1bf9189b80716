"""The commits that a rehearsal makes to its copy of the app. Each replaces exact text, so that after a change of the
app an outdated edit is an error and does not go unnoticed."""

from rehearsal.environment.workspace import Edit

GOOD = Edit(
    title="Say the name of the service in /health",
    file="app/orders/routes.py",
    before='return answer(200, {"status": "ok"})',
    after='return answer(200, {"service": "orders", "status": "ok"})',
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
