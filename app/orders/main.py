"""The Lambda function; its handler is `app.orders.main.handler`.

This module reads the environment once, while Lambda initialises: TABLE_NAME (the one table), POWERTOOLS_SERVICE_NAME,
POWERTOOLS_METRICS_NAMESPACE and, optionally, POWERTOOLS_LOG_LEVEL and RECEIPT_KEY_PARAMETER (the SSM parameter with the
key of receipts; without it there are none). Importing this module makes no call to AWS.
"""

import os
from collections.abc import Mapping

from app.orders import receipts, service, store
from app.orders.answered import counted

REQUIRED = ("TABLE_NAME", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE")


def table_name(environment: Mapping[str, str]) -> str:
    """Return the table's name. Raises RuntimeError with every required variable that is missing or empty."""
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        raise RuntimeError(
            f"{', '.join(missing)} not set: this function needs {', '.join(REQUIRED)} in its environment; "
            "add them to the function's configuration and publish a new version"
        )
    return environment["TABLE_NAME"]


def signer(environment: Mapping[str, str]) -> receipts.Signer | None:
    """Return the signer of receipts; None where no key is configured."""
    parameter = environment.get("RECEIPT_KEY_PARAMETER")
    return receipts.Signer(parameter, receipts.connect()) if parameter else None


handler = counted(service.build(store.Table(table_name(os.environ), store.connect()), signer(os.environ)))
