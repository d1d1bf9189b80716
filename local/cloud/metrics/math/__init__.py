"""CloudWatch's metric math, pure: the standard library only.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""
