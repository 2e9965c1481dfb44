"""`python -m tools.job`: `dvc repro` for machines nobody watches. `__main__.py` says how to call it and how it ends."""
