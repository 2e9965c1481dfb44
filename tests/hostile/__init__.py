"""Files that `linear_classifier.model.model_file.read_model` has to refuse: each builder gives them by name."""
