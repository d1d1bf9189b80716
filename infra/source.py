"""Where a layer's resources come from, as Pulumi resource options."""

from enum import StrEnum

from pulumi import Resource, ResourceOptions


class Source(StrEnum):
    """Who owns the resources of a layer."""

    LEGACY = "legacy"  # Terraform; Pulumi reads their outputs and creates nothing
    ADOPTED = "adopted"  # Pulumi imported them, and never deletes them
    MANAGED = "managed"  # Pulumi


def options(source: Source, parent: Resource, physical_id: str, protect: bool) -> ResourceOptions:
    """Options of a stateful resource. `physical_id` is what the provider imports by, e.g. a table's name; `protect`
    says whether a managed resource is protected, an adopted one always is.

    An adopted resource keeps its own tags: an import must find what the program declares, and Terraform set other ones.
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
