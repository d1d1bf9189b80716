"""The source of a layer's resources (legacy, adopted or managed), as Pulumi resource options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pulumi import Resource, ResourceOptions


class Source(StrEnum):
    """The owner of a layer's resources."""

    LEGACY = "legacy"  # Terraform; Pulumi reads their outputs and creates nothing
    ADOPTED = "adopted"  # Pulumi imported them, and never deletes them
    MANAGED = "managed"  # Pulumi


def options(
    source: Source,
    parent: Resource,
    physical_id: str,
    protect: bool,
    *,
    ignored: Sequence[str] = (),
    depends_on: Sequence[Resource] = (),
) -> ResourceOptions:
    """Return the options of a resource that a layer may adopt.

    `physical_id` is the id by which the provider imports it, e.g. a table's name; `protect` is true to protect a
    managed resource, while an adopted one is always protected. An adopted resource keeps its own tags, and what is
    `ignored`, since Pulumi changes what differs from the program as soon as it is imported.
    Raises ValueError for a legacy source, which declares nothing.
    https://www.pulumi.com/docs/iac/concepts/options/import/
    """
    match source:
        case Source.MANAGED:
            return ResourceOptions(parent=parent, protect=protect, depends_on=list(depends_on))
        case Source.ADOPTED:
            return ResourceOptions(
                parent=parent,
                import_=physical_id,
                protect=True,
                retain_on_delete=True,
                ignore_changes=["tags", "tagsAll", *ignored],
                depends_on=list(depends_on),
            )
        case Source.LEGACY:
            raise ValueError(
                f"{physical_id} is a legacy resource: Terraform owns it, so nothing may be declared for it"
            )


@dataclass(frozen=True)
class Ownership:
    """Who owns the resources of compute, observability and delivery.

    `ids` are the ids of adopted resources that AWS generated, by the resource's name in Pulumi; the others follow from
    the names that the program gives.
    """

    source: Source = Source.MANAGED
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def adopts(self) -> bool:
        return self.source is Source.ADOPTED

    def options(
        self,
        parent: Resource,
        physical_id: str,
        *,
        protect: bool = False,
        ignored: Sequence[str] = (),
        depends_on: Sequence[Resource] = (),
    ) -> ResourceOptions:
        """Return the options of a resource. See the function `options`."""
        return options(self.source, parent, physical_id, protect, ignored=ignored, depends_on=depends_on)


OURS = Ownership()
"""Pulumi made the layer's resources, and owns them."""
