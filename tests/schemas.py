"""Validates JSON by its schema.

What validates loads the grammar of every format that it knows, which takes seconds of a processor: so the test that
needs it imports it, and not each worker that collects the tests.
"""

from collections.abc import Mapping
from typing import Any


def is_valid(document: object, schema: Mapping[str, Any]) -> bool:
    """Return whether a document has the schema, with its formats. https://json-schema.org/draft/2020-12/schema"""
    import jsonschema  # noqa: PLC0415  see above

    try:
        jsonschema.validate(document, schema, format_checker=jsonschema.FormatChecker())
    except jsonschema.ValidationError:
        return False
    return True


def is_sbom(text: str) -> bool:
    """Return whether a text is a bill of materials as CycloneDX 1.6 has it, and nothing beside."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415  see above
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415  see above

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
