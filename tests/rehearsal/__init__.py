"""The real CLI, end to end."""
