"""What DVC runs: `python -m stages NAME`. A stage is a file here and a section of params.yaml.

- `prepare` finds the raw images and writes `data/prepared/`.
- `train` reads it, fits Flatten → Linear and writes `models/model.pkl` and `reports/train/`.
- `evaluate` reads both, looks at the test split once and writes `reports/evaluate/`, and what inputs are usual.
- `report` shows all of it on a page that has the model in it, and on a model card, `reports/report/`.
- `export` writes the model in the formats of other programs, `models/model.onnx` and `models/model.safetensors`.

A stage reads params, calls the library with values, and writes files; only it knows paths. What passes between two
stages is a file, whose format one module of the library knows.
"""
