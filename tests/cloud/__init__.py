"""boto3 against the local cloud."""
