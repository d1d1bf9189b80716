"""The local AWS: ministack, and what it lacks."""
