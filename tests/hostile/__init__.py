"""Files that `stages.model_file.read_model` has to refuse: each builder gives them by name."""
