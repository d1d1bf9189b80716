"""GitHub's workflows, played on this machine: read as written, each `run:` by bash, each `uses:` by a stand-in."""
