"""The provider plugin behind the release resource: gRPC to the Pulumi engine, thin over infra.release."""
