environment  = "staging"
account_id   = "222222222222"
region       = "eu-central-1"
state_bucket = "strata-terraform-state-staging"
