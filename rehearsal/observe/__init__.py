"""Observes a rehearsal from outside: live traffic, AWS's own records, IAM's decisions."""
