"""CloudWatch alarms: evaluated every simulated minute."""
