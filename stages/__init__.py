"""The pipeline: three stages, each a package run as `python -m stages.NAME`, joined by files alone.

- `prepare` finds the raw Fashion-MNIST files and writes `data/prepared/`.
- `train` reads it, fits Flatten → Linear and writes `models/model.pkl` and `reports/train/`.
- `evaluate` reads both, looks at the test split once and writes `reports/evaluate/`.

A stage never imports another stage. What passes between two of them is a file, and one module knows its format:
`splits.py` for the data, `model_file.py` for the model.
"""
