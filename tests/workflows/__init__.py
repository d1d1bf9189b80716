"""What GitHub's workflows hold to: read from the files themselves, and broken on purpose."""
