"""The gzip form of tarballs that are published. Pure."""

import struct
import zlib

from buildkit.files.tarballs import write_tar
from buildkit.files.tree import Tree

# Magic, deflate, no flags, no time, no hint of the level, no operating system. RFC 1952.
_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"
_MOST = 0xFFFF
"""Bytes in a stored block. RFC 1951."""


def published_tarball(tree: Tree, modified: int) -> bytes:
    """A ``.tar.gz`` of the tree; ``modified`` is every file's time, in seconds since 1970.

    What deflate makes of data differs from one zlib to the other, so the data is only stored: the
    same files and time give the same bytes everywhere.
    """
    data = write_tar(tree, modified=modified)
    blocks = [_HEADER]
    for start in range(0, len(data), _MOST):
        piece = data[start : start + _MOST]
        last = start + _MOST >= len(data)
        blocks += [struct.pack("<BHH", last, len(piece), len(piece) ^ _MOST), piece]
    blocks.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(blocks)
