"""What people run around the pipeline; no stage imports anything from here."""
