"""Records every API call of the local AWS, and injects faults into calls."""
