"""Turn errors between here and AWS into one sentence with its remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.exceptions import ClientError

from infra.release.engine.cloud import AwsError, NotFoundError, TransientError

LOGGED_OUT = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
}
SKEWED = ("Signature expired", "Signature not yet current")  # in the message if the clock is wrong, whatever the code
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
BUSY = {  # beside what botocore takes for throttling, and every 5xx
    "DeploymentLimitExceededException",  # another deployment of the group is in flight
    "PreconditionFailedException",  # the alias is no longer as observed
    "ResourceConflictException",  # the function is being updated
    "TooManyRequestsException",
}


@contextmanager
def aws_call(operation: str, subject: str = "", fine: str = "") -> Iterator[None]:
    """Raise AwsError or TransientError in place of botocore's errors. `fine`: an error code that means success."""
    about = f"{operation}{f' ({subject})' if subject else ''}"
    try:
        yield
    except ClientError as error:
        if error.response["Error"].get("Code") != fine:
            raise _refusal(about, error) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        raise AwsError(f"no AWS credentials for {about}: {error}; log in, or set AWS_PROFILE") from error
    except boto.TokenRetrievalError as error:
        raise AwsError(f"the AWS login has expired: {error}; log in again") from error
    except (boto.HTTPClientError, boto.ConnectionError) as error:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        remedy = f"check that AWS_ENDPOINT_URL={endpoint} is up" if endpoint else "check the network and the region"
        raise TransientError(f"AWS does not answer to {about}: {_one_line(error)}; {remedy}") from error
    except boto.BotoCoreError as error:
        raise AwsError(f"AWS cannot be asked for {about}: {_one_line(error)}") from error


def _refusal(about: str, error: ClientError) -> AwsError:
    code, said = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "RequestTimeTooSkewed" or said.startswith(SKEWED):
        return AwsError(
            f"AWS refuses {about} for this machine's clock, which is off: {said}; set it, and keep it by NTP"
        )
    if code in LOGGED_OUT:
        return AwsError(f"AWS does not accept the credentials for {about}: {code}: {said}; log in again")
    if code in DENIED:
        return AwsError(f"AWS denies {about}: {said}; add the action to the role that deploys")
    if status >= 500 or status == 429 or code in BUSY or "Throttl" in code:
        return TransientError(f"AWS is busy at {about}: {code}: {said}")
    kind = NotFoundError if status == 404 or "DoesNotExist" in code or "NotFound" in code else AwsError
    return kind(f"AWS refuses {about}: {code}: {said}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
