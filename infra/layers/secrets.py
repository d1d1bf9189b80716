"""The secrets layer: values that functions read at run time; only they and the deploy role can read them."""

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from infra.config import Secret, SecretsConfig
from infra.contracts import SecretsOutputs
from infra.naming import Names


class Secrets(ComponentResource):
    """One SSM parameter, encrypted by AWS's own key, for each secret that the stack is given.

    Other layers get a parameter's name, never its value, which is a Pulumi secret from the stack file on. A new value
    takes effect at once, without a release, since it is no part of a version.
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
        """Declare the parameter; return its name, which is known once the parameter exists.

        The SDK marks the value as a secret, both as input and as output.
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
