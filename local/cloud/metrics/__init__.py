"""CloudWatch metrics: minute buckets of simulated time, statistics and metric math."""
