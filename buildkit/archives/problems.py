"""Why a URL did not give a file."""

from buildkit.errors import BuildkitError


class DownloadError(BuildkitError):
    """A URL did not give the file; another may. The message does not name the URL."""


class UnreachableError(DownloadError):
    """There is no way to the server, so that none of its files can be had."""


class WrongAnswerError(DownloadError):
    """The server works, but what it gives is not the file."""
