terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }

  # Bucket and region differ by environment: terraform init -backend-config=environments/prod.s3.tfbackend
  backend "s3" {
    key          = "identity/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      Project     = "orders"
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
