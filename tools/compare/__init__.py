"""`make compare BASE=main`: what a change did to the metrics, and whether that is more than chance.

Read in this order: `significance.py` (the tests), `verdicts.py` (the rules), `revisions.py` (what a revision has),
`evidence.py` and `comparison.py` (two of them, side by side), `report.py` (what is said of it), `charts.py`.
"""
