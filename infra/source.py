"""The source of a layer's resources (legacy, adopted or managed), as Pulumi resource options."""

from enum import StrEnum

from pulumi import Resource, ResourceOptions


class Source(StrEnum):
    """The owner of a layer's resources."""

    LEGACY = "legacy"  # Terraform; Pulumi reads their outputs and creates nothing
    ADOPTED = "adopted"  # Pulumi imported them, and never deletes them
    MANAGED = "managed"  # Pulumi


def options(source: Source, parent: Resource, physical_id: str, protect: bool) -> ResourceOptions:
    """Return the options of a stateful resource.

    `physical_id` is the id by which the provider imports it, e.g. a table's name; `protect` is true to protect a
    managed resource, while an adopted one is always protected. An adopted resource keeps its own tags, since an import
    must find what the program declares, and Terraform has set other tags.
    Raises ValueError for a legacy source, which declares nothing.
    https://www.pulumi.com/docs/iac/concepts/options/import/
    """
    match source:
        case Source.MANAGED:
            return ResourceOptions(parent=parent, protect=protect)
        case Source.ADOPTED:
            return ResourceOptions(
                parent=parent,
                import_=physical_id,
                protect=True,
                retain_on_delete=True,
                ignore_changes=["tags", "tagsAll"],
            )
        case Source.LEGACY:
            raise ValueError(
                f"{physical_id} is a legacy resource: Terraform owns it, so nothing may be declared for it"
            )
