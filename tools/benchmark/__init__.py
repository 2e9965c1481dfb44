"""`make bench`: what is fast, measured in one run and in turn, since a machine's speed drifts. Quote the ratios."""
