"""Check settings against one another, and refuse a setting that would have no effect."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING

from infra.config.promotion import EVENT, PIPELINE, ReleaseConfig
from infra.config.settings import ANY_ORIGIN, ApiConfig, DeliveryConfig, ObservabilityConfig
from infra.schema import Reading, settings, shown
from infra.source import Source

GUARDED = ("prod",)  # stacks whose data must not be deletable in one step


def data(section: Reading, stack: str) -> Iterator[str]:
    """Yield the mistakes in how the keys of strata:data fit together."""
    match section.values.get("source"):
        case Source.LEGACY:
            yield from no_effect(section, "table_name", "Terraform owns a legacy table")
            yield from no_effect(section, "deletion_protection", "Terraform owns a legacy table")
            if "legacy" not in section.given:
                yield missing(section, "legacy", "the bucket and the key of its state")
        case Source.ADOPTED:
            yield from no_effect(section, "legacy", "an adopted table is no longer read from its state")
            yield from no_effect(section, "deletion_protection", "an adopted table is always protected")
            if "table_name" not in section.given:
                yield missing(section, "table_name", "the name of the table to adopt")
        case Source.MANAGED:
            yield from no_effect(section, "legacy", f"{section.path}.source is managed")
            if stack in GUARDED and section.values.get("deletion_protection") is False:
                path = section.path_of("deletion_protection")
                yield f"{path} is false, but {stack} holds customers' orders; set it to true, or leave it out"


SHARED = ("compute", "observability", "delivery")  # layers of one source, strata:compute.source


def layers(readings: Mapping[str, Reading]) -> Iterator[str]:
    """Yield the mistakes in how the sections fit strata:compute.source, which observability and delivery share."""
    compute, data = readings["compute"], readings["data"]
    source = compute.values.get("source")
    if source is None:  # a mistake of its own
        return
    if source is not Source.LEGACY:
        for section in (readings[name] for name in SHARED):
            yield from no_effect(section, "legacy", f"{compute.path}.source is {source}")
    if source is not Source.ADOPTED:
        yield from no_effect(compute, "adopted", f"{compute.path}.source is {source}")
    if source is Source.MANAGED:
        return
    if data.values.get("source") is Source.MANAGED and "table_name" not in data.given:
        yield (
            f"{data.path}.source is managed without tableName, but {compute.path}.source is {source}: the functions "
            "would keep Terraform's table, and the stack would create another; give tableName, or another source"
        )
    if source is Source.LEGACY:
        yield from _legacy(readings)
    else:
        yield from _adopted(readings)


def _legacy(readings: Mapping[str, Reading]) -> Iterator[str]:
    """Yield what is missing for legacy functions, and what has no effect on them."""
    why = f"{readings['compute'].path}.source is legacy, so Terraform owns functions, alarms and deployments"
    for section in (readings[name] for name in SHARED):
        if "legacy" not in section.given:
            path = section.path_of("legacy")
            yield f"{path} is missing, but {why}; give the bucket and the key of the layer's state"
    for name in sorted(readings["compute"].given - {"source", "legacy", "adopted"}):
        yield from no_effect(readings["compute"], name, why)
    classes = {"observability": ObservabilityConfig, "delivery": DeliveryConfig, "release": ReleaseConfig}
    for name, cls in classes.items():
        for field in sorted(_changed(readings[name], cls) - {"legacy"}):
            yield from no_effect(readings[name], field, why)
    for section in (readings["secrets"], readings["services"]):
        for field in sorted(section.given):
            yield from no_effect(section, field, why)


def _adopted(readings: Mapping[str, Reading]) -> Iterator[str]:
    """Yield what adopted functions cannot have: they are what Terraform made, and any difference would be changed."""
    compute = readings["compute"]
    why = f"{compute.path}.source is adopted, and Terraform made none; leave it out until the source is managed"
    if "adopted" not in compute.given:
        yield missing(compute, "adopted", "the services that Terraform had, and the ids that AWS gave its API")
    delivery, observability = readings["delivery"], readings["observability"]
    if delivery.values.get("smoke"):
        path = delivery.path_of("smoke")
        yield f"{path} is true, which takes a hook, but {compute.path}.source is adopted; set it to false"
    if delivery.values.get("bake_minutes"):
        yield f"{delivery.path_of('bake_minutes')} takes a hook, but {why}"
    if observability.values.get("notify"):
        yield f"{observability.path_of('notify')} takes subscriptions, but {why}"
    api = compute.values.get("api")
    for key in ("authorizer", "domain"):
        if isinstance(api, ApiConfig) and getattr(api, key):
            yield f"{compute.path_of('api')}.{key} takes a resource of its own, but {why}"
    for name in sorted(readings["secrets"].given):
        yield f"{readings['secrets'].path_of(name)} takes a parameter, but {why}"


def _changed(section: Reading, cls: type) -> set[str]:
    """Return the fields whose values are not the defaults, which Pulumi.yaml gives to each stack."""
    defaults = {each.name: each.default for each in settings(cls).values() if each.default is not MISSING}
    return {name for name in section.given if section.values.get(name) != defaults.get(name)}


def api(section: Reading, account: Reading) -> Iterator[str]:
    """Yield the mistakes in how the keys of strata:compute.api fit together, and with strata:account.

    API Gateway refuses the origin "*" beside credentials, and browsers take any other asterisk there for a name.
    https://github.com/aws/aws-cdk/issues/9076
    https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
    """
    settings = section.values.get("api")
    if not isinstance(settings, ApiConfig):
        return
    path = section.path_of("api")
    cors, domain = settings.cors, settings.domain
    if cors and cors.credentials:
        wide = [each for each in cors.origins if each in ANY_ORIGIN]
        if wide:
            yield (
                f"{path}.cors.origins has {shown(wide[0])} beside credentials: true, so any page could call the API in "
                "the name of its visitor; name the origins, or leave credentials out"
            )
        for name, items in (("methods", cors.methods), ("headers", cors.headers), ("expose", cors.expose)):
            if "*" in items:
                yield (
                    f'{path}.cors.{name} has "*" beside credentials: true, where browsers take it for a name; list '
                    "them, or leave credentials out"
                )
    if domain:
        yield from _certificate(domain.certificate_arn, f"{path}.domain.certificateArn", account)


def _certificate(arn: str, path: str, account: Reading) -> Iterator[str]:
    """Yield why API Gateway would not take the certificate of a regional domain name.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-specify-certificate-for-custom-domain-name.html
    """
    region, owner = arn.split(":")[3:5]
    wanted, accounts = account.values.get("region"), account.values.get("allowed_account_ids")
    if wanted and region != wanted:
        yield (
            f"{path} is of {region}, but the API is in {wanted}, and takes a certificate of its own region alone; "
            f"request or import it in {wanted}"
        )
    if accounts and owner not in accounts:
        yield (
            f"{path} is of account {owner}, but the stack may be deployed to {', '.join(accounts)} alone, and takes a "
            "certificate of its own account alone; give one of these"
        )


def release(section: Reading) -> Iterator[str]:
    """Yield the mistakes in how the keys of strata:release fit together."""
    if section.values.get("wait") is False:
        unwatched = f"{section.path_of('wait')} is false, so no runner waits"
        yield from no_effect(section, "longest_wait_minutes", unwatched)
        yield from no_effect(section, "minimum_requests", unwatched)
        yield from no_effect(section, "top_up", unwatched)
        if section.values.get("evidence") == "enforce":
            path = section.path_of("evidence")
            yield (
                f"{path} is enforce, but {unwatched} to stop a canary without evidence; set it to warn, or wait to true"
            )
    if not section.values.get("source"):
        yield from no_effect(section, "proof_days", f"{section.path}.from names no stack that must prove a release")


def promotion(section: Reading, release: Reading) -> Iterator[str]:
    """Yield the mistakes in how strata:promotion, and what starts a release, fit the rest of strata:release."""
    path, by = release.path_of("promote_by"), release.values.get("promote_by")
    if by == EVENT and not release.values.get("source"):
        yield (
            f"{path} is {EVENT}, but {release.path}.from names no stack whose events start a release; name it, or set "
            f"{path} to {PIPELINE}"
        )
    if by == PIPELINE:
        for name in sorted(section.given):
            yield from no_effect(section, name, f"{path} is {PIPELINE}, so no event starts a release")


def secrets(section: Reading, stack: str, *, encrypted: bool) -> Iterator[str]:
    """Yield a mistake for each secret in plain text. `encrypted`: whether Pulumi marks the section as secret."""
    for path in () if encrypted else map(section.path_of, sorted(section.given)):
        yield (
            f"{path} is in plain text, so every reader of Pulumi.{stack}.yaml knows it; take a new value, and give "
            f"it by `pulumi config set --secret --path {path}`, which asks for it"
        )


def no_effect(section: Reading, name: str, why: str) -> Iterator[str]:
    """Yield a mistake if the configuration sets a field that `why` leaves without effect."""
    if name in section.given:
        value = section.values.get(name)
        what = shown(value) if isinstance(value, str | int) else "given"
        yield f"{section.path_of(name)} is {what}, without effect: {why}; leave it out"


def missing(section: Reading, name: str, wanted: str) -> str:
    """Return the mistake of a section whose source needs a field that is not set; `wanted` says what to give."""
    return f"{section.path_of(name)} is missing, but {section.path}.source is {section.values['source']}; give {wanted}"
