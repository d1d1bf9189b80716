"""What is declared, and what is not, on recording Pulumi mocks."""
