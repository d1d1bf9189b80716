"""The rehearsal of releases under live traffic: its scenario, its steps, its report."""
