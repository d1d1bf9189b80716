"""The door of the local AWS: every API call is recorded, and may meet a fault."""
