"""The release's data: what is wanted, what was observed, what to do next, and the records in AWS. Pure."""
