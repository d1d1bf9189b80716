"""Stand-ins for secrets: a scratch copy cannot open what a stack's file holds encrypted, and nothing in it needs to.

In the copy's file each encrypted value becomes one of the copy's own secrets, under the copy's own key.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from infra.config import stack_file

VALUE = "a-stand-in-for-a-secret-that-only-its-own-stack-can-open"
WHOLE = "{}"  # of an object that is encrypted whole
KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt")  # by which the stack's own secrets are opened


def closed(folder: Path, stack: str) -> dict[str, str]:
    """Take the encrypted values of a stack's file, and what opens them, out of it: a stand-in for each, by its path.

    A file that is no YAML is left as it is: the CLI says what is wrong with it.
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
                    found |= dict.fromkeys(_closed(held, name.value), VALUE)
    if found:
        root.value = [(key, value) for key, value in root.value if key.value not in KEYS]
        file.write_text(yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True), encoding="utf-8")
    return found


def _closed(node: yaml.Node, path: str) -> Iterator[str]:
    """Put a plain text in the place of each encrypted value in a node; their paths."""
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
