"""What is in dist/: libraries, manifest and checksums, and several of them made one."""
