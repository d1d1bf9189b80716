"""What only a real account can settle: opt-in, by `make test-aws ACCOUNT=...`."""
