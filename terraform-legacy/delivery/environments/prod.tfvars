environment  = "prod"
account_id   = "333333333333"
region       = "eu-central-1"
state_bucket = "strata-terraform-state-prod"
