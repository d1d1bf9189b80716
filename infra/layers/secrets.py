"""The secrets layer: what functions read at run time, kept where only they and whoever deploys can read it."""

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.config import Secret, SecretsConfig
from infra.contracts import SecretsOutputs
from infra.naming import Names


class Secrets(ComponentResource):
    """One SSM parameter for each secret that the stack is given, encrypted by AWS's own key; none where it is given
    none. Others hear of a parameter's name, never of its value: that is a secret to Pulumi from the stack file on.

    A new value acts at once, without a release: it is no part of a version.
    """

    outputs: SecretsOutputs

    def __init__(self, name: str, *, names: Names, config: SecretsConfig, opts: ResourceOptions | None = None) -> None:
        super().__init__("strata:layers:Secrets", name, None, opts)
        self._name = name
        key = config.receipt_key
        self.outputs = SecretsOutputs(
            receipt_key=self._parameter("receipt-key", names.receipt_key, key, "Signs receipts") if key else None
        )
        self.register_outputs({})

    def _parameter(self, short: str, name: str, secret: Secret, description: str) -> Output[str]:
        """The parameter's name, known once it is there.

        The SDK itself marks the value as a secret, both as input and as output.
        https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
        """
        parameter = aws.ssm.Parameter(
            f"{self._name}-{short}",
            name=name,
            description=description,
            type="SecureString",
            value=Output.secret(secret.value),
            opts=ResourceOptions(parent=self),
        )
        return parameter.name
