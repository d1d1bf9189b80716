"""Declare the AWS provider of all of a stack's resources, and check the caller's account."""

from typing import Protocol

import pulumi
import pulumi_aws as aws

from infra.config.settings import AccountConfig
from infra.naming import AwsLocation, Names


class AccountError(pulumi.RunError):
    """AWS does not know the caller, or the caller is in another account. Pulumi shows it without a traceback."""


class Located(Protocol):
    """The part of a stack's configuration that locates the stack."""

    @property
    def names(self) -> Names: ...
    @property
    def account(self) -> AccountConfig: ...


def provider(config: Located) -> aws.Provider:
    """Return an explicit provider: it takes only the credentials from the shell's environment."""
    return aws.Provider(
        "aws",
        region=config.account.region,
        allowed_account_ids=list(config.account.allowed_account_ids),
        default_tags={"tags": config.names.tags},
    )


def place(config: Located, provider: aws.Provider) -> AwsLocation:
    """Return the location that the caller's credentials reach.

    Raises AccountError where it is not the stack's account, before any resource but the provider is declared.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    allowed = ", ".join(config.account.allowed_account_ids)
    try:
        caller = aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider))
    except Exception as error:  # the SDK raises plain Exception for whatever the provider says
        reason = " ".join(str(error).rpartition("returned an error: ")[2].split())
        raise AccountError(
            f"AWS refuses the credentials for stack {config.names.stack} ({reason}); give credentials of account "
            f"{allowed}, e.g. by AWS_PROFILE"
        ) from None
    if caller.account_id not in config.account.allowed_account_ids:
        raise AccountError(
            f"the credentials are of account {caller.account_id}, but {config.names.project}:account.allowedAccountIds "
            f"of stack {config.names.stack} is {allowed}; give credentials of that account"
        )
    return AwsLocation(partition=caller.arn.split(":")[1], region=config.account.region, account=caller.account_id)
