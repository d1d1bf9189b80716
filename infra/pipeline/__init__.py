"""Commands of the pipeline beside `pulumi` and the operator's command: roles, locks, plans, GitHub's settings."""
