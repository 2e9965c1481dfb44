"""`make compare BASE=main`: what a change did to the metrics, and whether that is more than chance.

A way without returns, which `__main__.compare` walks; each room needs only those before it:

1. `revision_files.py`: what git and DVC have of both revisions, as bytes.
2. `revision.py`: parsed and believed: a revision with predictions, with metrics alone, or with neither.
3. `rules.py`: when a difference counts, by the base's `rules.yaml`.
4. `changes.py`: what changed in params, rules and data.
5. `evidence.py`: what the test images say of each metric's difference.
6. `verdict.py`: what images and training seeds together make of it, and whether the gate fails.
7. `figure.py`: curves and confusion matrices of both.
8. `comparison_report.py`, `report.md.jinja`: Markdown and JSON.

`calibrate.py` measures what the rules rest on.
"""
