"""Files, written whole or not at all and opened without waiting; settings and the record of a run in them."""
