"""The bill of materials of a bundle, in CycloneDX 1.6, lists its packages, their licenses and their dependencies.

Tools usually give each document a random serial number and the current time. Here the number is derived from the
digest and the time is the commit's, so a commit always has the same document. https://cyclonedx.org/docs/1.6/json/
"""

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from infra.bundle.packages import Package


def bill(name: str, digest: str, commit: str, at: datetime, packages: Sequence[Package]) -> Mapping[str, Any]:
    """Return the CycloneDX document of the zip `name`. `packages`: everything in it from outside this repository."""
    raw = base64.b64decode(digest)
    itself = Component(
        name=name,
        type=ComponentType.APPLICATION,
        bom_ref=name,
        version=commit,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=raw.hex())],
    )
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, raw.hex()),
        metadata=BomMetaData(component=itself, timestamp=at),
        components=[_component(package) for package in packages],
    )
    parts = {str(part.bom_ref.value): part for part in bom.components}
    needed = {name for package in packages for name in package.requires}
    bom.register_dependency(itself, [parts[each.reference] for each in packages if each.reference not in needed])
    for package in packages:
        bom.register_dependency(parts[package.reference], [parts[each] for each in package.requires])
    document: Mapping[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    return document


def _component(package: Package) -> Component:
    licenses = [LicenseFactory().make_from_string(package.license)] if package.license else []
    group, _, name = package.name.rpartition("/")  # of npm's "@smithy/core"
    return Component(
        group=group or None,
        name=name,
        type=ComponentType.LIBRARY,
        bom_ref=package.reference,
        version=package.version,
        licenses=licenses,
        purl=PackageURL(package.kind, namespace=group or None, name=name, version=package.version),
    )
