"""Raw Fashion-MNIST, or images of any source → `data/prepared/`, the splits every later stage reads."""
