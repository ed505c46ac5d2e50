"""``python -m buildkit.sdk.stub RELEASE FOLDER``: write a release's stub headers to a folder."""

import argparse
import sys
from pathlib import Path

from buildkit.errors import BuildkitError
from buildkit.releases import Release
from buildkit.sdk.stub import render


def main() -> int:
    """Write the tree; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m buildkit.sdk.stub", description=__doc__)
    parser.add_argument("release", help="such as 0.24.1")
    parser.add_argument("folder", type=Path, help="made if it is not there")
    arguments = parser.parse_args()
    try:
        tree = render(Release.parse(arguments.release))
    except BuildkitError as error:
        parser.exit(error.exit_code, f"{error}\n")
    for path, content in tree.items():
        target = arguments.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
