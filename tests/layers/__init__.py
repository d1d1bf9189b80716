"""Tests of the resources that each layer declares, on recording Pulumi mocks."""
