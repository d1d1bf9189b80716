"""pulumi_aws warns of deprecated classes of its own while it loads; the program uses none of them."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    # Attributes, since the SDK loads its modules lazily.
    from pulumi_aws.lambda_ import Alias  # noqa: F401
    from pulumi_aws.s3 import Bucket  # noqa: F401
