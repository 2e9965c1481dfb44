"""Raw Fashion-MNIST → `data/prepared/`, the splits every later stage reads."""
