"""A target's log: every line at once in its file, and in memory for finding causes."""

import threading
from pathlib import Path


class TargetLog:
    """Call it with a line. Safe to use from several threads; close it when the target is done."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.lines: list[str] = []
        # Line-buffered, so that a killed run leaves all that was said.
        self._file = path.open("w", encoding="utf-8", errors="replace", buffering=1)
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        """Append a line, given without its end."""
        with self._lock:
            self.lines.append(line)
            self._file.write(f"{line}\n")

    def since(self, mark: int) -> list[str]:
        """The lines from number ``mark`` on; ``len(log.lines)`` makes a mark."""
        with self._lock:
            return self.lines[mark:]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
