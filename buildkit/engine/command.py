"""What both engines do alike to run a step's command: its environment, its frame, its output.

Keeping this in one place is what makes a step behave the same in a container and on the host.
"""

import codecs
from collections.abc import Iterator, Mapping

from buildkit.engine import Emit, Step

LONGEST_LINE = 64 * 1024
"""Characters after which a line of output is cut in two, so that no step can fill the memory."""

RESULTS = "out"
"""The folder below the work folder that a step's results are taken from."""

FRAME = 'umask 022; exec env -i PATH="$PATH" "$@" 2>&1'
"""Shell script that runs a command with an environment of exactly the assignments given before it.

``PATH`` is the image's or the caller's own, because that is where the compiler was found. Standard
error joins standard output here and not in the engine, so that their order is kept.
"""


def framed(step: Step, home: str) -> list[str]:
    """The arguments after ``sh -c <script with FRAME> sh``: the environment, then the command.

    ``home`` becomes HOME and TMPDIR. What the step sets itself wins.
    """
    environment = {"HOME": home, "TMPDIR": home, "LC_ALL": "C", "TZ": "UTC", **step.env}
    return [*assignments(environment), *step.argv]


def assignments(environment: Mapping[str, str]) -> Iterator[str]:
    """``NAME=value`` for each variable, sorted by name."""
    for name in sorted(environment):
        if not name or "=" in name or "\0" in name + environment[name]:
            raise ValueError(f"{name!r} cannot be set as an environment variable")
        yield f"{name}={environment[name]}"


class Lines:
    """Cuts a stream of bytes into lines of text and hands each one to ``emit``."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        # Compilers quote sources, and sources have whatever bytes they have.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        *lines, self._pending = (self._pending + self._decoder.decode(chunk)).split("\n")
        for line in lines:
            self._say(line)
        while len(self._pending) > LONGEST_LINE:
            self._emit(self._pending[:LONGEST_LINE])
            self._pending = self._pending[LONGEST_LINE:]

    def close(self) -> None:
        """Hand out the last line if it had no line end."""
        self._pending += self._decoder.decode(b"", final=True)
        if self._pending:
            self._say(self._pending)
        self._pending = ""

    def _say(self, line: str) -> None:
        line = line.removesuffix("\r")
        for start in range(0, len(line) or 1, LONGEST_LINE):
            self._emit(line[start : start + LONGEST_LINE])
