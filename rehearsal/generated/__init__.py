"""A stack of the product's own program whose services `make service` has written, as many as are wanted."""
