"""The clients of AWS, each kept below its service's request rate, and the caller's identity.

A set of many functions asks often. Lambda takes 15 control plane requests a second of an account and CloudWatch 3
PutMetricAlarm; CodeDeploy publishes no rate, and we send 5 a second at most:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from infra.release.aws.errors import aws_call
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError
from infra.release.model import ledger

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_codedeploy import CodeDeployClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

USER_AGENT = "strata-release"
"""Marks the release's own calls in CloudTrail."""
RATES = {"lambda": (6, 4), "codedeploy": (4, 1), "cloudwatch": (1, 2)}
"""By service: requests a second, and the burst. In any second at most the sum of both is sent; of Lambda's 15 this
leaves five to CodeDeploy, which moves the aliases."""
DATA_PLANE = {"Invoke"}
"""Operations that do not count for the control plane's rate."""

_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 60, "user_agent_extra": USER_AGENT}
# Botocore pauses 50 ms, then twice as long each time: ten tries outlast a burst of server errors of ten seconds or so.
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10}, **_TIMEOUTS)  # type: ignore[arg-type]
# CreateDeployment has no idempotency token: where its answer is lost, the deployment is searched for, not sent again.
_ONCE = Config(retries={"total_max_attempts": 1}, **_TIMEOUTS)  # type: ignore[arg-type]


class RateLimiter:
    """Keeps one service's requests below its rate, in the clock's time."""

    def __init__(self, clock: ScaledClock, rate: float, burst: int) -> None:
        self._clock = clock
        self._each = timedelta(seconds=1) / rate
        self._ahead = self._each * (burst - 1)
        self._due: datetime | None = None

    def wait(self, model: Any, **_: object) -> None:
        """Wait until one more request may be sent. botocore calls it before each try and retry."""
        if model.name in DATA_PLANE:
            return
        now = self._clock.now()
        earliest = now - self._ahead
        due = max(self._due or earliest, earliest)
        self._due = due + self._each
        if due > now:
            self._clock.pause(due - now)


class Clients:
    """Lambda, CodeDeploy, CloudWatch and its Logs in one region, created at their first use."""

    def __init__(self, region: str, clock: ScaledClock, credentials: Sequence[str] = ()) -> None:
        # boto3's own core: the same clients, and a tenth of a second less in every `up`.
        self._session = Session()
        self.region = region
        self._clock = clock
        if credentials:  # access key, secret and token, in place of what the environment gives
            self._session.set_credentials(*credentials)
        self._limiters = {service: RateLimiter(clock, *rate) for service, rate in RATES.items()}

    def _client(self, service: str, config: Config = _PATIENT) -> Any:
        with aws_call(service):
            client = self._session.create_client(service, region_name=self.region, config=config)
        if service in self._limiters:
            client.meta.events.register("before-call", self._limiters[service].wait)
        return client

    def of(self, region: str, role: str) -> Clients:
        """Clients in another region under an assumed role. For a few requests: its credentials are not renewed."""
        with aws_call("sts AssumeRole", f"role {role}"):
            found = self._client("sts").assume_role(RoleArn=role, RoleSessionName=USER_AGENT)["Credentials"]
        given = (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return Clients(region, self._clock, given)

    @cached_property
    def functions(self) -> LambdaClient:
        return self._client("lambda")  # type: ignore[no-any-return]

    @cached_property
    def codedeploy(self) -> CodeDeployClient:
        return self._client("codedeploy")  # type: ignore[no-any-return]

    @cached_property
    def codedeploy_once(self) -> CodeDeployClient:
        return self._client("codedeploy", _ONCE)  # type: ignore[no-any-return]

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        return self._client("cloudwatch")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def queues(self) -> Any:
        return self._client("sqs")

    @cached_property
    def streams(self) -> Any:
        return self._client("dynamodbstreams")

    @cached_property
    def tables(self) -> Any:
        return self._client("dynamodb")

    @cached_property
    def events(self) -> Any:
        return self._client("events")

    @cached_property
    def iam(self) -> IAMClient:
        return self._client("iam")  # type: ignore[no-any-return]

    @cached_property
    def caller(self) -> GetCallerIdentityResponseTypeDef:
        with aws_call("sts GetCallerIdentity"):
            return self._client("sts").get_caller_identity()  # type: ignore[no-any-return]

    @property
    def by(self) -> str:
        """The caller, as the ledger names it."""
        return ledger.author(self.caller["Arn"])

    def check_account(self, function: str, topic: str) -> None:
        """Raise AwsError unless the caller belongs to the function's account, which is in the topic's ARN."""
        if self.caller["Account"] != (account := topic.split(":")[4]):
            raise AwsError(
                f"the credentials are of account {self.caller['Account']}, but {function} is in {account}: "
                "use the credentials that Pulumi's AWS provider uses"
            )
