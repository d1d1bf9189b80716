"""Whether a secret leaked: the secrets that are known, and the places that are searched for them."""
