"""The statistical rule: whether a canary's counts condemn it, and the same as CloudWatch metric math. Pure."""
