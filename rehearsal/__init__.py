"""The acceptance run: it releases with the real Pulumi CLI under live traffic, and reports what happened."""
