"""Runs GitHub's workflows on this machine, as they are committed: each `run:` by bash, each `uses:` by a stand-in."""
