"""The second program, `bootstrap/`, on a local cloud with the real Pulumi CLI."""
