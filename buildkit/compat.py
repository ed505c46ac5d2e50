"""What the oldest Python that is supported has only in another place."""

import sys

# Python 3.11 before 3.11.4, which Debian 12 has, lacks the extraction filters.
if sys.version_info >= (3, 12):
    import tarfile
else:
    from backports import tarfile

__all__ = ["tarfile"]
