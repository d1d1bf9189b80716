"""Stand-ins for the aws and terraform provider plugins."""
