"""The layers of terraform-legacy as their HCL says, expressions evaluated as far as these layers use them.

`values` of a layer gives the arguments of each resource by address. What AWS makes up is what the recorder of
`tests/layers` makes up for a resource of the same name, so both can be compared.
https://developer.hashicorp.com/terraform/language/expressions
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[1]
LEGACY = ROOT / "terraform-legacy"
LAYERS = ("identity", "data", "compute", "observability", "delivery")  # in the order in which they are applied
META = {"for_each", "depends_on", "lifecycle"}


def plain(node: Any) -> Any:
    """Return python-hcl2's result without the quotes that it leaves around names, and without what it adds."""
    if isinstance(node, dict):
        return {key.strip('"'): plain(value) for key, value in node.items() if not key.startswith("__")}
    return [plain(each) for each in node] if isinstance(node, list) else node


def text(value: Any) -> Any:
    """Return a string without its quotes, and objects and lists with such strings."""
    if isinstance(value, dict):
        return {key: text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [text(each) for each in value]
    return value[1:-1] if isinstance(value, str) and value.startswith('"') else value


@cache
def parsed(file: Path) -> dict[str, Any]:
    """Return a file's blocks. It is parsed once: python-hcl2 takes a second for a hundred lines."""
    try:
        found: dict[str, Any] = plain(hcl2.loads(file.read_text()))
    except Exception as error:  # python-hcl2 raises whatever its parser raises
        where = " ".join(str(error).split())[:200]
        raise ValueError(f"{file.parent.name}/{file.name} is no HCL: {where}") from None
    return found


@dataclass(frozen=True)
class Module:
    """A folder of HCL with the values of its variables. `states` are the outputs of other layers, by layer."""

    folder: Path
    variables: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def blocks(self, kind: str) -> Iterator[dict[str, Any]]:
        for file in sorted(self.folder.glob("*.tf")):
            yield from parsed(file).get(kind, [])

    def named(self, kind: str) -> dict[str, Any]:
        """Return the bodies of blocks with one label, such as outputs, by their label."""
        return {name: body for block in self.blocks(kind) for name, body in block.items()}

    @property
    def backend(self) -> dict[str, Any]:
        (terraform,) = self.blocks("terraform")
        found: dict[str, Any] = text(terraform["backend"][0]["s3"])
        return found

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return {name: self.value(body["value"]) for name, body in self.named("output").items()}

    def source(self, name: str) -> Path:
        """Return the folder of a module that this one calls."""
        return (self.folder / str(text(self.named("module")[name]["source"]))).resolve()

    @cached_property
    def modules(self) -> dict[str, "Module"]:
        return {
            name: Module(
                self.source(name),
                {key: self.value(each) for key, each in body.items() if key != "source"},
            )
            for name, body in self.named("module").items()
        }

    @cached_property
    def addresses(self) -> dict[str, tuple["Module", dict[str, Any], Any]]:
        """Return by address the module of each resource, its body, and the value of `each.value`."""
        found: dict[str, tuple[Module, dict[str, Any], Any]] = {}
        for block in self.blocks("resource"):
            for kind, labelled in block.items():
                for label, body in labelled.items():
                    if "for_each" in body:
                        for each in self.value(body["for_each"]):
                            found[f'{kind}.{label}["{each}"]'] = self, body, each
                    else:
                        found[f"{kind}.{label}"] = self, body, None
        for name, module in self.modules.items():
            found |= {f"module.{name}.{address}": each for address, each in module.addresses.items()}
        return found

    @property
    def values(self) -> dict[str, dict[str, Any]]:
        return {
            address: {key: module.value(value, each) for key, value in body.items() if key not in META}
            for address, (module, body, each) in self.addresses.items()
        }

    def value(self, node: Any, each: Any = None) -> Any:
        if isinstance(node, dict):
            return {key: self.value(value, each) for key, value in node.items()}
        if isinstance(node, list):
            return [self.value(value, each) for value in node]
        if not isinstance(node, str):
            return node
        if node.startswith('"'):
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._expression(found[1], each)), node[1:-1])
        return self._expression(node.removeprefix("${").removesuffix("}"), each)

    def _expression(self, expression: str, each: Any) -> Any:
        name, _, rest = expression.partition("(")
        if not rest:
            return self._reference(expression, each)
        arguments = _arguments(rest.removesuffix(")"))
        if name == "filebase64sha256":
            return "DIGEST"
        first, *others = self.value(arguments, each)
        if name == "jsonencode":
            return json.dumps(first)
        if name == "templatefile":
            return _rendered(Path(first), others[0])
        assert name == "toset", expression
        return first

    def _reference(self, path: str, each: Any) -> Any:  # noqa: PLR0911 - one for each kind of reference
        scope, _, name = path.partition(".")
        match scope:
            case "var":
                return self.variables.get(name, self.named("variable")[name].get("default"))
            case "local":
                (local,) = (each[name] for each in self.blocks("locals"))
                return self.value(local)
            case "path":
                return str(self.folder)
            case "each":
                return each
            case "module":
                module, output = name.split(".")
                return self.modules[module].outputs[output]
            case "data":
                _, layer, _, output = name.split(".")
                return self.states[layer][output]
        label, attribute = name.split(".")
        return self._made(f"{scope}.{label}", attribute)

    def _made(self, address: str, attribute: str) -> Any:
        """Return an argument of a resource, or what AWS makes up for it."""
        body = self.addresses[address][1]
        if attribute in body:
            return self.value(body[attribute])
        name = next((self.value(body[key]) for key in ("name", "function_name") if key in body), address)
        made_up = BOUNDARY if address.startswith("aws_iam_policy.") else MADE_UP
        return made_up.get(attribute, "{name}-{attribute}").format(name=name, attribute=attribute, address=address)


@cache
def _arguments(written: str) -> list[Any]:
    found: list[Any] = plain(hcl2.loads(f"x = [{written}]\n"))["x"]
    return found


MADE_UP = {
    "arn": "arn:aws:test:eu-central-1:333333333333:{name}",
    "version": "7",
    "execution_arn": "arn:aws:execute-api:eu-central-1:333333333333:api",
    "invoke_arn": "arn:aws:apigateway:eu-central-1:lambda:path/{name}/invocations",
    "api_endpoint": "https://api.example.com",
    "id": "{address}-id",
}


BOUNDARY = {"arn": "arn:aws:iam::333333333333:policy/{name}"}  # the program builds this ARN from the name


def _rendered(template: Path, variables: Mapping[str, str]) -> str:
    return re.sub(r"(?<!\$)\$\{(\w+)\}", lambda found: variables[found[1]], template.read_text()).replace("$${", "${")


def system(environment: str = "prod") -> dict[str, Module]:
    """Return the layers of an environment, each with the outputs of those below it."""
    found: dict[str, Module] = {}
    states: dict[str, Mapping[str, Any]] = {}
    for layer in LAYERS:
        folder = LEGACY / layer
        variables = text(parsed(folder / f"environments/{environment}.tfvars"))
        found[layer] = Module(folder, variables, dict(states))
        states[layer] = found[layer].outputs
    return found
