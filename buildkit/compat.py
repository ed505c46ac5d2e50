"""What the oldest Python that is supported has only in another place."""

import sys
from typing import TYPE_CHECKING

# Python 3.11 before 3.11.4, which Debian 12 has, lacks the extraction filters.
if TYPE_CHECKING or sys.version_info >= (3, 12):
    import tarfile
else:
    from backports import tarfile

__all__ = ["tarfile"]
