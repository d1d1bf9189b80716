"""Identifies callers and enforces policies: issuers of tokens, web identity, and IAM's evaluation."""
