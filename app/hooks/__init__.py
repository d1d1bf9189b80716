"""CodeDeploy's lifecycle hooks. They need no package but boto3, which comes with the Lambda runtime."""
