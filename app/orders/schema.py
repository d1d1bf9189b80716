"""The schema of a body of POST /orders, and the mistakes that the caller gets where a body does not match."""

import base64
import json
from decimal import Decimal
from typing import Any, NoReturn, TypedDict, cast

# Powertools' own `validate` compiles the schema at each call and stops at the first mistake; its engine does neither.
import fastjsonschema

from app.orders.orders import NewOrder
from app.orders.prices import CURRENCIES, PRICES

LARGEST_BODY = 16 * 1024  # bytes; the largest order takes about 3 KiB, and an answer lists every mistake of a body

ITEM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sku", "quantity"],
    "properties": {
        "sku": {"enum": list(PRICES)},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
    },
}
NEW_ORDER = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "required": ["customer_id", "currency", "items"],
    "properties": {
        "customer_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "currency": {"enum": list(CURRENCIES)},
        "items": {"type": "array", "minItems": 1, "maxItems": 50, "items": ITEM},
    },
}

_check = fastjsonschema.compile(NEW_ORDER, use_default=False, fast_fail=False)


class Mistake(TypedDict):
    """One mistake in a request: the field by its path (`items[0].quantity`), and the reason."""

    field: str
    reason: str


class BadRequestError(Exception):
    """The request has mistakes; `mistakes` lists all of them."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = list(mistakes)


def parse(body: str | None, is_base64: bool) -> NewOrder:
    """Return the order in the body of a payload 2.0 event. Raises BadRequestError with every mistake."""
    data = _decode(body, is_base64)
    try:
        _check(data)
    except fastjsonschema.JsonSchemaValuesException as error:
        raise BadRequestError(*(mistake for each in error.errors for mistake in _mistakes(each))) from error
    return cast("NewOrder", data)


def shown(value: object) -> str:
    """Return a value for an error message: short for any size, and safe to serialise for any depth."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case Decimal():
            text = str(value)
        case _:
            text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _decode(body: str | None, is_base64: bool) -> Any:
    if not body:
        raise BadRequestError({"field": "body", "reason": "is missing; send the order as a JSON object"})
    try:
        content = base64.b64decode(body, validate=True) if is_base64 else body.encode()
        if len(content) > LARGEST_BODY:
            reason = f"has {len(content)} bytes, at most {LARGEST_BODY} are taken; split the order"
            raise BadRequestError({"field": "body", "reason": reason})
        # A number with a point becomes a Decimal, which no field takes: 2.0 is refused where 2 is meant.
        return json.loads(content.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        reason = f"is not JSON in UTF-8 ({_why(error)}); send the order as a JSON object"
        raise BadRequestError({"field": "body", "reason": reason}) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _why(error: Exception) -> str:
    match error:
        case json.JSONDecodeError() | RecursionError():
            return str(error)
        case UnicodeError():
            return "some bytes are not UTF-8"
        case _:
            return "a number or the base64 cannot be read"


def _mistakes(error: fastjsonschema.JsonSchemaValueException) -> list[Mistake]:
    """Return one mistake per field: the engine reports missing and unknown fields together, on their parent."""
    path = (error.name or "").removeprefix("data").removeprefix(".")
    prefix = f"{path}." if path else ""
    match error.rule:
        case "required":
            missing = [name for name in error.rule_definition if name not in error.value]
            return [{"field": prefix + name, "reason": "is missing"} for name in missing]
        case "additionalProperties":
            known = error.definition["properties"]
            reason = f"is not known; known are {', '.join(known)}"
            return [{"field": prefix + name[:60], "reason": reason} for name in error.value if name not in known]
        case _:
            rule = error.message.removeprefix(error.name or "").strip()
            return [{"field": path or "body", "reason": f"{rule}, not {shown(error.value)}"}]
