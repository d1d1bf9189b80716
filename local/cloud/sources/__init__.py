"""Event source mappings of Lambda: DynamoDB streams and SQS queues that invoke functions."""
