"""Flatten → Linear, and the file that keeps it."""
