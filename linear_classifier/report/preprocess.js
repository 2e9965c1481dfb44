// preprocess
