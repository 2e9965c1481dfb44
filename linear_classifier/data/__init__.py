"""The prepared splits: their files, their order in an epoch, their batches."""
