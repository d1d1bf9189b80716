"""What goes wrong between here and AWS is one sentence, and is known to be worth another try or not."""

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from infra.release.aws import Aws
from infra.release.aws.errors import aws_call
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError, NotFoundError, TransientError


def refused(code: str, status: int = 400, message: str = "words") -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetAlias")  # type: ignore[arg-type]


def raised(error: Exception, fine: str = "") -> AwsError:
    with pytest.raises(AwsError) as problem, aws_call("lambda GetAlias", "alias live of orders", fine):
        raise error
    assert "\n" not in str(problem.value)
    assert "lambda GetAlias (alias live of orders)" in str(problem.value)
    return problem.value


@pytest.mark.parametrize(
    "error",
    [
        refused("ThrottlingException"),
        refused("Throttling"),
        refused("TooManyRequestsException", 429),
        refused("ServiceException", 500),
        refused("InternalFailure", 503),
        refused("DeploymentLimitExceededException"),
        refused("PreconditionFailedException", 412),
        boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:9/\n"),
        boto.ReadTimeoutError(endpoint_url="http://127.0.0.1:9/"),
        boto.ConnectTimeoutError(endpoint_url="http://127.0.0.1:9/"),
        boto.ConnectionClosedError(endpoint_url="http://127.0.0.1:9/"),
    ],
)
def test_what_may_pass_is_worth_another_try(error: Exception) -> None:
    assert type(raised(error)) is TransientError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused("ExpiredTokenException", 403), "log in again"),
        (refused("UnrecognizedClientException", 403), "log in again"),
        (refused("AccessDeniedException", 403, "no"), "denies .*: no; add the action to the role that deploys"),
        (
            refused("InvalidSignatureException", 403, "Signature expired: x"),
            "this machine's clock, which is off: .*NTP",
        ),
        (refused("ValidationException", message="bad"), "refuses .*: ValidationException: bad"),
        (boto.NoCredentialsError(), "no AWS credentials .* log in, or set AWS_PROFILE"),
        (boto.NoRegionError(), "You must specify a region"),
    ],
)
def test_what_will_not_pass_says_what_to_do(error: Exception, words: str) -> None:
    problem = raised(error)
    assert type(problem) is AwsError
    with pytest.raises(AwsError, match=words):
        raise problem


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ApplicationDoesNotExistException"])
def test_a_name_that_aws_does_not_know_is_an_error_of_its_own(code: str) -> None:
    assert type(raised(refused(code, 404 if code.startswith("Resource") else 400))) is NotFoundError


def test_an_error_that_means_success_is_none() -> None:
    with aws_call("codedeploy StopDeployment", fine="DeploymentAlreadyCompletedException"):
        raise refused("DeploymentAlreadyCompletedException")


def test_an_endpoint_of_ones_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:9" in str(raised(boto.EndpointConnectionError(endpoint_url="x")))


def test_an_error_of_ours_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), aws_call("lambda GetAlias"):
        raise ZeroDivisionError


def test_a_wanted_version_that_is_gone_is_reported_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-tests-only")
    aws = Aws("eu-central-1", ScaledClock.from_environment())

    def gone(**_: object) -> None:
        raise refused("ResourceNotFoundException", 404, "Function not found: orders:7")

    monkeypatch.setattr(aws.clients.functions, "get_function_configuration", gone)
    with pytest.raises(NotFoundError) as problem:
        aws.version("orders", "7")
    assert str(problem.value).startswith(
        "version 7 of orders is gone, and the stack wants it: it was deleted outside of"
    )
    assert "change the function's code or configuration and run `pulumi up`" in str(problem.value)
