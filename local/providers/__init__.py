"""Stand-ins for the aws and terraform provider plugins."""

import os

STARTED_BY = os.getppid()
"""The process that started this one; read first of all, since it may be gone before the rest is imported."""
