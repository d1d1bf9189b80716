"""boto3 against the local cloud: what AWS documents is what it answers."""
