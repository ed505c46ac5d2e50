"""Times drift reports against starting Python with what any verb needs; prints ratios.

    python benchmarks/drift.py [--runs N] [NAME ...]

Nothing here passes or fails.
"""

import sys

from run import BUILDKIT, Comparison, main

BASELINE = (sys.executable, "-c", "import argparse, json, packaging.specifiers, rich.console")

COMPARISONS = (
    Comparison(
        "drift between two releases / starting Python alone",
        (*BUILDKIT, "drift", "0.23.1", "0.24.1"),
        (sys.executable, "-c", "pass"),
    ),
    Comparison(
        "drift between two releases / starting Python with the libraries it needs",
        (*BUILDKIT, "drift", "0.23.1", "0.24.1"),
        BASELINE,
    ),
    Comparison(
        "drift over the matrix / starting Python with the libraries it needs",
        (*BUILDKIT, "drift"),
        BASELINE,
    ),
    Comparison(
        "drift of every kind over every release / over the matrix",
        (*BUILDKIT, "drift", "--every-release", "--kind", "all", "--json"),
        (*BUILDKIT, "drift"),
    ),
)

if __name__ == "__main__":
    main(COMPARISONS)
