"""AWS in memory, faithfully enough to drive the whole engine through random faults, crashes and operators' acts."""
