"""A picture of anybody's → what the model takes, and its answer."""
