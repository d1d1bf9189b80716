"""The loop that observes, decides and acts, the protocol by which it reaches AWS, and the clock."""
