"""A saved model → the formats that other programs read."""
