"""Runs invocations: picks the version, executes it, writes its log and publishes its metrics."""
