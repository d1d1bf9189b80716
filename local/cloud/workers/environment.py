"""Makes a worker's environment: the variables and folders of Lambda's runtimes.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.workers.code import unpack
from local.cloud.workers.languages import launch
from local.cloud.workers.worker import Environment


def log_group(config: Mapping[str, Any]) -> str:
    """Return the log group of a function configuration."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


@dataclass(frozen=True)
class Surroundings:
    """The settings that all workers of this cloud share."""

    root: Path
    """This cloud's folder, which holds unpacked code and the handlers' /tmp."""
    packages: Path
    """boto3 and its needs, for functions in Python."""
    endpoint: str
    path: str = "/usr/local/bin:/usr/bin:/bin"

    def environment(
        self,
        config: Mapping[str, Any],
        code: bytes,
        layers: Sequence[bytes],
        credentials: Mapping[str, str],
        region: str,
    ) -> Environment:
        """Return the environment of a function as configured by `config` (Lambda's FunctionConfiguration).

        Raises LanguageError if this machine has no interpreter for its runtime.
        """
        folder = unpack(code, self.root)
        configured = (config.get("Environment") or {}).get("Variables") or {}
        layer_folders = [unpack(layer, self.root) for layer in layers]
        start = launch(config["Runtime"], folder, layer_folders, self.packages, configured)
        temporary = self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        variables = {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": self.path,
            "AWS_ENDPOINT_URL": self.endpoint,
            **start.variables,
            **configured,
            **{name: value for name, value in credentials.items() if value},
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": config["Version"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(config),
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": config["Handler"],
            # Not Lambda's: the hooks' clock, and a home and /tmp so that nothing of the user's is read or left behind.
            "STRATA_CLOCK_RATE": f"{CLOCK.factor:g}",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
        }
        return Environment(
            version=config["Version"],
            handler=config["Handler"],
            folder=folder,
            command=start.command,
            arguments=start.arguments,
            variables=variables,
            timeout=float(config.get("Timeout", 3)),
        )
