"""Options and output of verbs that must start quickly: needs argparse and rich alone."""

import argparse
from pathlib import Path

from rich.console import Console

DEFAULT_MATRIX = "matrix.toml"

_LOG_WIDTH = 240
"""Columns; wider than any table here."""


def add_matrix(parser: argparse.ArgumentParser) -> None:
    """``--matrix``."""
    parser.add_argument(
        "--matrix",
        type=Path,
        default=Path(DEFAULT_MATRIX),
        metavar="FILE",
        help="the matrix file (default: matrix.toml)",
    )


def add_only(parser: argparse.ArgumentParser) -> None:
    """``--only``: which releases."""
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SPEC",
        help="a release, a glob such as '0.24.*', or a PEP 440 specifier such as '>=0.24,<1.0'; "
        "repeatable",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON on standard output"
    )


def console_for(arguments: argparse.Namespace) -> Console:
    """Where to talk to a person: standard error if standard output carries JSON."""
    # Names, paths and compilers' messages may hold brackets and colons that mean themselves.
    console = Console(
        stderr=vars(arguments).get("json", False), highlight=False, markup=False, emoji=False
    )
    if not console.is_terminal:
        # A log file has no edge to fold a table at.
        console.width = _LOG_WIDTH
    return console
