"""Declare every setting of a stack with its check and its default: one dataclass for each configuration object.

The object strata:release is infra.release.model.spec.ReleasePolicy. Pulumi.yaml describes each setting to users; tests
compare the two.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from infra.config.curves import CANARY, MINUTES, Curve, CurveOf, Detect
from infra.schema import (
    Check,
    Flag,
    InvalidValueError,
    Key,
    ListOf,
    OneOf,
    Reader,
    Sealed,
    Secret,
    Section,
    Share,
    Text,
    Whole,
    below,
    shown,
)
from infra.source import Source

REGION = Text(r"[a-z]{2}(-[a-z]+)+-[1-9]", 'an AWS region, e.g. "eu-central-1"')
LOG_RETENTION = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


class SourceOf(Check):
    """A reader of a layer's source; it accepts only the sources that the layer supports."""

    def __init__(self, *supported: Source, why: str) -> None:
        self.supported, self.why = supported, why
        self.expected = " or ".join(supported)

    def check(self, value: object) -> Source:
        for source in self.supported:
            if value == source:
                return source
        raise InvalidValueError(f"not a source of this layer: {self.why}")


ACCOUNT_ID = Text(r"\d{12}", 'an account id, twelve digits in quotes, e.g. "111111111111"')


@dataclass(frozen=True)
class AccountConfig:
    """strata:account"""

    region: Annotated[str, REGION]
    allowed_account_ids: Annotated[tuple[str, ...], ListOf(ACCOUNT_ID, least=1)]


@dataclass(frozen=True)
class ArtifactsConfig:
    """strata:artifacts. Without `account_id` the bucket is in the stack's own account."""

    account_id: Annotated[str | None, ACCOUNT_ID] = None


@dataclass(frozen=True)
class LegacyState:
    """The S3 backend of a Terraform layer, strata:LAYER.legacy. Without `region` it is the stack's."""

    bucket: Annotated[str, Text(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", 'a bucket\'s name, e.g. "acme-terraform-state"')]
    key: Annotated[str, Text(r"[^/].*[^/]", 'the key of the state in the bucket, e.g. "data/terraform.tfstate"')]
    region: Annotated[str | None, REGION] = None
    workspace: Annotated[str, Text(r"[A-Za-z0-9._~-]{1,90}", 'a Terraform workspace, e.g. "default"')] = "default"
    endpoint: Annotated[str | None, Text(r"https?://[^\s/]+/?", 'a URL, e.g. "https://s3.example.com"')] = None
    use_path_style: Annotated[bool, Flag()] = False


def with_region(layer: Any, region: str) -> Any:
    """Return a layer's section with the stack's region as that of its Terraform state, where it names none."""
    if layer.legacy is None or layer.legacy.region is not None:
        return layer
    return replace(layer, legacy=replace(layer.legacy, region=region))


@dataclass(frozen=True)
class DataConfig:
    """strata:data. Without `table_name` the stack derives the table's name from its own."""

    source: Annotated[Source, SourceOf(*Source, why="a table is read, adopted or owned")] = Source.MANAGED
    table_name: Annotated[str | None, Text(r"[A-Za-z0-9_.-]{3,255}", 'a table\'s name, e.g. "orders-prod"')] = None
    deletion_protection: Annotated[bool, Flag()] = True
    legacy: Annotated[LegacyState | None, Section(LegacyState)] = None


@dataclass(frozen=True)
class Throttling:
    """strata:compute.api.throttling: the requests that the API accepts from all callers together; others get 429.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
    """

    rate: Annotated[int, Whole(1, 100_000, "requests a second", "an API without a bound has the account's")] = 200
    burst: Annotated[int, Whole(1, 100_000, "requests at once", "an API without a bound has the account's")] = 400


@dataclass(frozen=True)
class Authorizer:
    """strata:compute.api.authorizer: issuer and audience of the tokens that the API requires.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """

    issuer: Annotated[
        str, Text(r"https://[^\s/?#]+(/[^\s?#]*)?", 'the issuer\'s URL, e.g. "https://issuer.example.com"')
    ]
    audience: Annotated[
        tuple[str, ...], ListOf(Text(r"[!-~]{1,256}", 'for whom tokens are made, e.g. "orders"'), least=1)
    ]


ANY_ORIGIN = ("*", "https://*", "http://*")
HEADER = Text(r"\*|[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", 'a header\'s name, e.g. "authorization", or "*"')


@dataclass(frozen=True)
class Cors:
    """strata:compute.api.cors: the web pages whose scripts may call the API, and what their browsers may send and show.

    `expose`: the headers of an answer that a script may read. `max_age`: seconds that a browser keeps a preflight's
    answer. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """

    origins: Annotated[
        tuple[str, ...],
        ListOf(
            Text(
                r"\*|https?://(\*|[a-z0-9.-]{1,253}(:\d{1,5})?)",
                'an origin without a path, e.g. "https://shop.example.com", or "https://*" or "*"',
            ),
            least=1,
        ),
    ]
    methods: Annotated[
        tuple[str, ...],
        ListOf(OneOf("*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", why="these are the API's methods"), least=1),
    ] = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    headers: Annotated[tuple[str, ...], ListOf(HEADER, least=1)] = ("authorization", "content-type", "idempotency-key")
    expose: Annotated[tuple[str, ...], ListOf(HEADER, least=1)] = ("x-order-receipt",)
    credentials: Annotated[bool, Flag()] = False
    max_age: Annotated[int, Whole(0, 86400, "seconds", "API Gateway takes a day at most")] = 600


DOMAIN_NAME = Text(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])",
    'a host\'s name in lower case, e.g. "api.example.com"',
)
ZONE_ID = Text(r"[A-Z0-9]{1,32}", 'the id of a hosted zone of Route 53, e.g. "Z0123456789ABCDEFGHIJ"')


@dataclass(frozen=True)
class Domain:
    """strata:compute.api.domain: the API's own name. Without `zone_id` the operator makes the DNS record.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names.html
    """

    name: Annotated[str, DOMAIN_NAME]
    certificate_arn: Annotated[
        str,
        Text(
            r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}",
            'the ARN of a certificate of AWS Certificate Manager, "arn:aws:acm:REGION:ACCOUNT:certificate/ID"',
        ),
    ]
    zone_id: Annotated[str | None, ZONE_ID] = None


@dataclass(frozen=True)
class ApiConfig:
    """strata:compute.api. Without days there is no access log; without an authorizer every caller is accepted.

    Without `cors` no page of another origin may call it; with a domain it answers by that name alone.
    """

    throttling: Annotated[Throttling, Section(Throttling)] = Throttling()
    access_log_days: Annotated[
        int, OneOf(0, *LOG_RETENTION, why="CloudWatch Logs offers a list of days, and 0 is for no access log")
    ] = 30
    authorizer: Annotated[Authorizer | None, Section(Authorizer)] = None
    cors: Annotated[Cors | None, Section(Cors)] = None
    domain: Annotated[Domain | None, Section(Domain)] = None


SERVICE = Text(r"[a-z][a-z0-9-]{0,15}", 'a function\'s short name, e.g. "orders"')


class Ids(Reader):
    """Import ids by the name of the resource in Pulumi."""

    expected = 'an object of ids, e.g. {http-api: "a1b2c3d4e5"}'

    def read(self, value: object, path: str, mistakes: list[str]) -> Iterator[Mapping[str, str]]:
        if not isinstance(value, dict):
            mistakes.append(f"{path} is {shown(value)}, not an object; give {self.expected}")
            return
        wrong = {name: each for name, each in value.items() if not isinstance(each, str) or not each}
        mistakes += [
            f"{below(path, name)} is {shown(each)}, not an id; give the one in Terraform's state, in quotes"
            for name, each in wrong.items()
        ]
        if not wrong:
            yield value


@dataclass(frozen=True)
class Adopted:
    """strata:compute.adopted: what Terraform had. `services` are the only ones in the stack until it is managed.

    `ids` are those that AWS generated: the HTTP API's, and its integrations', routes' and permissions'.
    """

    services: Annotated[tuple[str, ...], ListOf(SERVICE, least=1)]
    ids: Annotated[Mapping[str, str] | None, Ids()] = None


@dataclass(frozen=True)
class ComputeConfig:
    """strata:compute. `memory` in MB, `timeout` in seconds; `source` is that of observability and delivery too."""

    source: Annotated[Source, SourceOf(*Source, why="functions are read, adopted or owned")] = Source.MANAGED
    legacy: Annotated[LegacyState | None, Section(LegacyState)] = None
    adopted: Annotated[Adopted | None, Section(Adopted)] = None
    runtime: Annotated[
        str, OneOf("python3.11", "python3.12", "python3.13", why="the app's packages are locked for these")
    ] = "python3.11"
    node_runtime: Annotated[str, OneOf("nodejs22.x", "nodejs24.x", why="services are bundled and tested for these")] = (
        "nodejs22.x"
    )
    architecture: Annotated[str, OneOf("x86_64", "arm64", why="Lambda has two")] = "x86_64"
    memory: Annotated[int, Whole(128, 10240, "MB", "Lambda offers no other")] = 512
    timeout: Annotated[int, Whole(1, 29, "seconds", "the HTTP API gives up after 30")] = 10
    log_level: Annotated[
        str, OneOf("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", why="these are the levels of Powertools' logger")
    ] = "INFO"
    api: Annotated[ApiConfig, Section(ApiConfig)] = ApiConfig()


class Webhook(Check):
    """A secret address of a chat, which posts what it gets. EventBridge takes 2,048 characters.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html
    """

    def __init__(self, pattern: str, expected: str) -> None:
        self.pattern, self.expected = pattern, expected

    def check(self, value: object) -> Secret:
        if not isinstance(value, Secret):
            raise InvalidValueError("not a secret")
        if not isinstance(value, Sealed) and not re.fullmatch(rf"(?=.{{1,2048}}$){self.pattern}", value.value):
            raise InvalidValueError("no such address")
        return value


@dataclass(frozen=True)
class SecretsConfig:
    """strata:secrets. The stack does not use a secret that is left out.

    HMAC needs a key at least as long as its hash: https://datatracker.ietf.org/doc/html/rfc2104#section-3
    """

    receipt_key: Annotated[Secret | None, Key(32, 512)] = None
    slack_webhook: Annotated[
        Secret | None,
        Webhook(
            r"https://hooks\.slack(-gov)?\.com/services(/[A-Za-z0-9]+){3}",
            "an incoming webhook of Slack, https://hooks.slack.com/services/...",
        ),
    ] = None
    teams_webhook: Annotated[
        Secret | None,
        Webhook(
            r"https://[a-z0-9.-]+\.(logic\.azure|powerplatform)\.com(:443)?/[A-Za-z0-9/_-]+\?[!-~]+",
            "the webhook of a Teams workflow, https://....logic.azure.com/...?...",
        ),
    ] = None

    @property
    def webhooks(self) -> dict[str, Secret]:
        """The addresses of the chats that get messages, by the chat's name."""
        given = {"slack": self.slack_webhook, "teams": self.teams_webhook}
        return {chat: address for chat, address in given.items() if address}


@dataclass(frozen=True)
class ApiAlarms:
    """strata:observability.api: what the API as a whole may do in each of three minutes before an alarm fires.

    `error_share`: the fraction of its requests that it answers 5xx. `p99_milliseconds`: the time within which it
    answers 99 of 100. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
    """

    error_share: Annotated[float, Share()] = 0.05
    p99_milliseconds: Annotated[int, Whole(1, 30_000, "milliseconds", "the HTTP API gives up after 30 seconds")] = 3000


@dataclass(frozen=True)
class ObservabilityConfig:
    """strata:observability. Shares are fractions of the alias's requests in each of three minutes."""

    log_retention_days: Annotated[int, OneOf(*LOG_RETENTION, why="CloudWatch Logs offers a list of days")] = 30
    error_share: Annotated[float, Share()] = 0.25
    throttle_share: Annotated[float, Share()] = 0.05
    api: Annotated[ApiAlarms, Section(ApiAlarms)] = ApiAlarms()
    notify: Annotated[
        tuple[str, ...],
        ListOf(Text(r"[^@\s]+@[^@\s]+\.[^@\s]+", 'an e-mail address, e.g. "oncall@example.com"'), least=0),
    ] = ()
    legacy: Annotated[LegacyState | None, Section(LegacyState)] = None


@dataclass(frozen=True)
class DeliveryConfig:
    """strata:delivery. Without minutes to bake there is no bake hook.

    `detect`, `longest`, `curves` and `default` are of `curve: auto`: what a release's curve must catch within how many
    minutes, those offered beside CodeDeploy's own, and the one of a function without known traffic.
    """

    curve: Annotated[Curve, CurveOf()] = CANARY
    detect: Annotated[Detect | None, Section(Detect)] = None
    longest: Annotated[int | None, MINUTES] = None
    curves: Annotated[tuple[Curve, ...], ListOf(Section(Curve), least=1)] = ()
    default: Annotated[Curve | None, Section(Curve)] = None
    smoke: Annotated[bool, Flag()] = True
    bake_minutes: Annotated[
        int, Whole(0, 14, "minutes", "a Lambda function holds the deployment open, and it runs 15 minutes at most")
    ] = 0
    legacy: Annotated[LegacyState | None, Section(LegacyState)] = None
