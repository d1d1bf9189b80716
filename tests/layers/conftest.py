"""pulumi_aws warns of deprecated classes of its own while it loads; the program uses none of them."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pulumi_aws.lambda_ import Alias  # noqa: F401 - an attribute, since the SDK loads its modules lazily
