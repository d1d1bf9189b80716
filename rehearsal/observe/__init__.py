"""Observes a rehearsal from outside: by live traffic, AWS's own records and IAM's decisions."""
