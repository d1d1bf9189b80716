"""Who calls, and what they may do: issuers of tokens, web identity, and the policies that are enforced."""
