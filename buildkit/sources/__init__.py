"""A module's sources: a folder, or a commit of a git repository."""
