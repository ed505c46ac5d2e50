"""``python -m buildkit``."""

import sys

from buildkit.cli import main

sys.exit(main())
