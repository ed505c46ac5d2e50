"""``matrix``: list the matrix's releases, also for CI; compare with upstream; print a schema."""

import argparse
import json
import sys

from buildkit import matrix as matrix_file
from buildkit.ci import jobs
from buildkit.drift import record as drift_report
from buildkit.errors import ExitCode, UsageError
from buildkit.guards import record as guards_report
from buildkit.releases import select
from buildkit.results import manifest
from buildkit.verbs.common import add_json, add_selection, console_for, read_matrix

NAME = "matrix"
HELP = "list the releases, also for a CI system; compare with upstream's; print a JSON Schema"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_json(parser)
    jobs.add_arguments(parser)
    parser.add_argument(
        "--schema",
        choices=("matrix", "manifest", "drift", "guards"),
        help="print the JSON Schema of matrix.toml, dist/manifest.json, or of what drift or guards "
        "prints with --json, instead",
    )
    parser.add_argument(
        "--check-upstream",
        action="store_true",
        help="compare with the releases that the Apache archive lists, and propose the edit; exit "
        "code 1 if there is something new",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="with --check-upstream: make that edit in the matrix file",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print what was asked for."""
    if arguments.schema:
        schemas = {
            "matrix": matrix_file.json_schema,
            "manifest": manifest.json_schema,
            "drift": drift_report.json_schema,
            "guards": guards_report.json_schema,
        }
        sys.stdout.write(schemas[arguments.schema]())
        return ExitCode.OK
    if arguments.check_upstream:
        if arguments.only:
            raise UsageError("--check-upstream looks at the whole matrix: leave --only out")
        # What fetches a page takes longer to import than all else that this verb does.
        from buildkit.verbs import check_upstream  # noqa: PLC0415

        return check_upstream.check(arguments)
    if arguments.write:
        raise UsageError("--write: there is nothing to write without --check-upstream")
    jobs.refuse_alone(arguments)
    matrix, workspace = read_matrix(arguments)
    if jobs.asked_for(arguments):
        sys.stdout.write(f"{jobs.text(arguments, matrix, workspace)}\n")
        return ExitCode.OK
    names = [str(release) for release in select(matrix.releases, arguments.only)]
    if arguments.json:
        json.dump(names, sys.stdout)
        sys.stdout.write("\n")
    else:
        console_for(arguments).print("\n".join(names), soft_wrap=True)
    return ExitCode.OK
