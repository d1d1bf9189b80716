"""Check settings against one another, and refuse a setting that would have no effect."""

from collections.abc import Iterator

from infra.config.settings import ANY_ORIGIN, ApiConfig
from infra.schema import Reading, shown
from infra.source import Source

GUARDED = ("prod",)  # stacks whose data must not be deletable in one step


def data(section: Reading, stack: str) -> Iterator[str]:
    """Yield the mistakes in how the keys of strata:data fit together."""
    match section.values.get("source"):
        case Source.LEGACY:
            yield from _no_effect(section, "table_name", "Terraform owns a legacy table")
            yield from _no_effect(section, "deletion_protection", "Terraform owns a legacy table")
            if "legacy" not in section.given:
                yield _missing(section, "legacy", "the bucket and the key of its state")
        case Source.ADOPTED:
            yield from _no_effect(section, "legacy", "an adopted table is no longer read from its state")
            yield from _no_effect(section, "deletion_protection", "an adopted table is always protected")
            if "table_name" not in section.given:
                yield _missing(section, "table_name", "the name of the table to adopt")
        case Source.MANAGED:
            yield from _no_effect(section, "legacy", f"{section.path}.source is managed")
            if stack in GUARDED and section.values.get("deletion_protection") is False:
                path = section.path_of("deletion_protection")
                yield f"{path} is false, but {stack} holds customers' orders; set it to true, or leave it out"


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
        yield from _no_effect(section, "longest_wait_minutes", unwatched)
        yield from _no_effect(section, "minimum_requests", unwatched)
        yield from _no_effect(section, "top_up", unwatched)
        if section.values.get("evidence") == "enforce":
            path = section.path_of("evidence")
            yield (
                f"{path} is enforce, but {unwatched} to stop a canary without evidence; set it to warn, or wait to true"
            )
    if not section.values.get("source"):
        yield from _no_effect(section, "proof_days", f"{section.path}.from names no stack that must prove a release")


def secrets(section: Reading, stack: str, *, encrypted: bool) -> Iterator[str]:
    """Yield a mistake for each secret in plain text. `encrypted`: whether Pulumi marks the section as secret."""
    for path in () if encrypted else map(section.path_of, sorted(section.given)):
        yield (
            f"{path} is in plain text, so every reader of Pulumi.{stack}.yaml knows it; take a new value, and give "
            f"it by `pulumi config set --secret --path {path}`, which asks for it"
        )


def _no_effect(section: Reading, name: str, why: str) -> Iterator[str]:
    if name in section.given:
        value = section.values.get(name)
        what = shown(value) if isinstance(value, str | int) else "given"
        yield f"{section.path_of(name)} is {what}, without effect: {why}; leave it out"


def _missing(section: Reading, name: str, wanted: str) -> str:
    return f"{section.path_of(name)} is missing, but {section.path}.source is {section.values['source']}; give {wanted}"
