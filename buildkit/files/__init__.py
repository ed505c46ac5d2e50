"""Files and folders: trees in memory, tarballs, folders of one process's own, and what is kept."""
