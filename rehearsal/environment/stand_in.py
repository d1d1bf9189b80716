"""Replaces the secrets of a stack's file: a scratch copy cannot decrypt them, and does not need their values.

In the copy's file each encrypted value becomes one of the copy's own secrets, under the copy's own key.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from infra.config import stack_file

VALUE = "a-stand-in-for-a-secret-that-only-its-own-stack-can-open"
WEBHOOKS = {
    "secrets.slackWebhook": "https://hooks.slack.com/services/T0/B0/standin",
    "secrets.teamsWebhook": "https://standin.logic.azure.com/workflows/invoke?sig=stand-in",
}
WHOLE = "{}"  # the stand-in for an object that is encrypted as a whole
KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt")  # by which Pulumi decrypts the stack's own secrets


def closed(folder: Path, stack: str) -> dict[str, str]:
    """Remove the encrypted values of a stack's file, and their key, from it; return a stand-in for each, by its path.

    A file that is not YAML stays unchanged: the CLI reports what is wrong with it.
    """
    file = stack_file.project(folder).file_of(stack)
    try:
        root = yaml.compose(file.read_text(encoding="utf-8-sig"), yaml.SafeLoader) if file.exists() else None
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    if not isinstance(root, yaml.MappingNode):
        return {}
    found: dict[str, str] = {}
    for key, value in root.value:
        if key.value == "config" and isinstance(value, yaml.MappingNode):
            for number, (name, held) in enumerate(value.value):
                if _is_secure(held):
                    value.value[number] = (name, _plain())
                    found[name.value] = WHOLE
                else:
                    closed_in = _closed(held, name.value)
                    found |= {path: WEBHOOKS.get(path.partition(":")[2], VALUE) for path in closed_in}
    if found:
        root.value = [(key, value) for key, value in root.value if key.value not in KEYS]
        file.write_text(yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True), encoding="utf-8")
    return found


def _closed(node: yaml.Node, path: str) -> Iterator[str]:
    """Replace each encrypted value in a node by plain text; yield their paths."""
    match node:
        case yaml.MappingNode():
            for number, (key, value) in enumerate(node.value):
                quoted = key.value.replace('"', '\\"')
                below = f"{path}.{key.value}" if key.value.isidentifier() else f'{path}["{quoted}"]'
                if _is_secure(value):
                    node.value[number] = (key, _plain())
                    yield below
                else:
                    yield from _closed(value, below)
        case yaml.SequenceNode():
            for number, value in enumerate(node.value):
                if _is_secure(value):
                    node.value[number] = _plain()
                    yield f"{path}[{number}]"
                else:
                    yield from _closed(value, f"{path}[{number}]")


def _plain() -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", "stand-in")


def _is_secure(node: yaml.Node) -> bool:
    return (
        isinstance(node, yaml.MappingNode)
        and len(node.value) == 1
        and node.value[0][0].value == stack_file.SECURE
        and isinstance(node.value[0][1], yaml.ScalarNode)
    )
