"""The stand-in providers' names against the SDK's, so that neither can drift from the other."""

import importlib
import inspect
import json
import typing
import warnings
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path
from typing import Any

import pytest
from pulumi import _types

from local.providers.assets import Assets
from local.providers.aws import FUNCTIONS, resources
from local.providers.resource import Fields, Resource, policy_text, sorted_text
from local.providers.settings import SETTINGS

EVERY = resources(Assets(Path()))
each = pytest.mark.parametrize("resource", EVERY.values(), ids=EVERY)


def sdk(resource: Resource) -> tuple[Any, Any]:
    """Return the SDK's resource class and the class of its arguments."""
    _, module, name = resource.kind.split(":")
    service = module.split("/")[0]
    with warnings.catch_warnings():  # the SDK warns of itself
        warnings.simplefilter("ignore", DeprecationWarning)
        package = importlib.import_module(f"pulumi_aws.{'lambda_' if service == 'lambda' else service}")
        # Where an object inside has taken the name, the SDK calls the arguments otherwise.
        return getattr(package, name), getattr(package, f"{name}InitArgs", None) or getattr(package, f"{name}Args")


def names(arguments: type) -> set[str]:
    """Return the properties of an input type, as they are named on the wire."""
    return set(_types.input_type_py_to_pulumi_names(arguments).values())


def required(arguments: type) -> set[str]:
    """Return the properties that must be given."""
    wire = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters.values()  # type: ignore[misc]
    return {wire[one.name] for one in parameters if one.default is one.empty and one.name in wire}


def object_types(annotation: Any) -> Iterator[type]:
    """Yield the input types somewhere within an annotation."""
    if isinstance(annotation, type) and _types.is_input_type(annotation):
        yield annotation
    for part in typing.get_args(annotation):
        yield from object_types(part)


def nested(fields: Fields, arguments: type) -> Iterator[tuple[str, Fields, type]]:
    """Each declared object within an input type, with the SDK's type of it."""
    types = _types.input_type_types(arguments)
    for name, spec in fields.items():
        if spec.of:
            inner = next(object_types(types[name]))
            yield name, spec.of, inner
            yield from nested(spec.of, inner)


@each
def test_every_declared_input_is_one_of_the_sdk(resource: Resource) -> None:
    _, arguments = sdk(resource)
    assert resource.fields.keys() - {"tagsAll"} <= names(arguments)


@each
def test_every_property_of_a_declared_object_is_one_of_the_sdk(resource: Resource) -> None:
    _, arguments = sdk(resource)
    for name, fields, inner in nested(resource.own, arguments):
        assert fields.keys() <= names(inner), name
        assert {key for key, spec in fields.items() if spec.required} == required(inner), name


@each
def test_what_the_sdk_requires_is_required(resource: Resource) -> None:
    _, arguments = sdk(resource)
    assert {name for name, spec in resource.fields.items() if spec.required} == required(arguments)


@each
def test_every_output_that_the_sdk_promises_is_declared(resource: Resource) -> None:
    cls, arguments = sdk(resource)
    promised = _types.resource_types(cls).keys() - names(arguments)
    assert set(resource.outputs) | ({"tagsAll"} if resource.tagged else set()) == promised


@each
def test_what_a_state_shows_beside_is_one_of_the_sdk_s_properties(resource: Resource) -> None:
    cls, arguments = sdk(resource)
    assert resource.also.keys() <= _types.resource_types(cls).keys() | names(arguments)
    assert resource.also.keys().isdisjoint({*resource.fields, *resource.outputs})


@each
def test_a_type_is_known_by_the_sdk_s_token(resource: Resource) -> None:
    cls, _ = sdk(resource)
    assert cls.pulumi_type == resource.kind


def test_every_setting_is_one_of_the_sdk_s_provider() -> None:
    import pulumi_aws  # noqa: PLC0415 (a second or more: only where it is needed)

    assert names(pulumi_aws.ProviderArgs) >= SETTINGS


def test_functions_take_the_arguments_that_the_sdk_sends() -> None:
    for token, (arguments, _) in FUNCTIONS.items():
        source = importlib.import_module(f"pulumi_aws.{place(token)}")
        sent = {line.split("'")[1] for line in inspect.getsource(source).splitlines() if "__args__['" in line}
        assert arguments == sent


def place(token: str) -> str:
    """The module: aws:index/getRegion:getRegion -> get_region, aws:lambda/getAlias:getAlias -> lambda_.get_alias."""
    _, module, name = token.split(":")
    package = module.split("/")[0]
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return snake if package == "index" else f"{package}_.{snake}" if iskeyword(package) else f"{package}.{snake}"


def test_policies_mean_the_same_whatever_the_order_of_their_statements_and_of_the_keys_in_them() -> None:
    statements = [
        {"Sid": "Orders", "Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": ["*"]},
        {"Sid": "Keys", "Effect": "Allow", "Action": ["kms:Decrypt"], "Condition": {"StringEquals": {"a": ["b"]}}},
    ]
    given = json.dumps({"Version": "2012-10-17", "Statement": statements})
    kept = sorted_text(given)
    assert kept != given
    assert policy_text(kept) == policy_text(given)
    assert policy_text(kept) != policy_text(given.replace("kms:Decrypt", "kms:Encrypt"))
