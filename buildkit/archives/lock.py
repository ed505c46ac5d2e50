"""The lock file beside the matrix file: the SHA-512 of every archive that has been used.

Recorded on first use, changed only on request, kept under version control. Its lines are those of
``sha512sum``, which can check a folder of archives against it: ``sha512sum -c matrix.lock``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from buildkit.errors import TargetError, UsageError
from buildkit.files.tree import replace_text

_NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
_LINE = re.compile(rf"([0-9A-Fa-f]{{128}}) [ *]({_NAME})", re.ASCII)
_HEADING = "# SHA-512 of the archives that SDKs are made from; recorded on first use."


def check_name(name: str) -> None:
    """Raises :class:`TargetError` for what is no plain file name, such as one with a folder."""
    if not re.fullmatch(_NAME, name, re.ASCII):
        raise TargetError(f"{name!r}: not an archive's name; expected one such as x-1.0.tar.gz")


@dataclass(frozen=True, kw_only=True)
class ArchiveLock:
    """The lock file at ``path``. Several processes may read and write it."""

    path: Path
    guard: Path
    """Locked while the file is rewritten; not in the project itself."""

    @classmethod
    def beside(cls, matrix: Path, build: Path) -> "ArchiveLock":
        """That of a matrix file (``x.toml`` has ``x.lock``), whose work folder is ``build``."""
        return cls(path=matrix.with_suffix(".lock"), guard=build / "archives.lock")

    def pins(self) -> dict[str, str]:
        """Each archive's name -> its SHA-512, in lower-case hex. None if there is no file yet.

        Raises :class:`UsageError` for a file that can't be understood.
        """
        return parse_pins(self._content(), self.path)

    def pin(self, name: str) -> str | None:
        """The SHA-512 of an archive, in lower-case hex; None if it has not been used yet."""
        return self.pins().get(name)

    def record(self, name: str, digest: str, *, update: bool = False) -> None:
        """Pin an archive to its SHA-512.

        Raises :class:`TargetError` if it is pinned to another one, unless ``update`` asks for it.
        """
        check_name(name)
        self.guard.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.guard):
            content = self._content()
            pins = parse_pins(content, self.path)
            if pins.get(name) == digest:
                return
            if name in pins and not update:
                raise TargetError(self.mismatch(name, digest))
            pins[name] = digest
            lines = content.decode(errors="surrogateescape").splitlines()
            remarks = [line for line in lines if line.startswith("#")] or [_HEADING]
            rows = [f"{digest}  {name}" for name, digest in sorted(pins.items())]
            replace_text(self.path, "".join(f"{line}\n" for line in [*remarks, *rows]))

    def mismatch(self, name: str, digest: str) -> str:
        """What to tell a user whose archive is not the pinned one."""
        return (
            f"{name}: its SHA-512 is {digest}, but {self.path} has {self.pin(name)}: not the file "
            "that was used before"
        )

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""


def parse_pins(content: bytes, where: Path | str) -> dict[str, str]:
    """What a lock file says: each archive's name -> its SHA-512, in lower-case hex.

    ``where`` is what messages call it. Raises :class:`UsageError` for what can't be understood.
    """
    pins: dict[str, str] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        found = _LINE.fullmatch(line.decode(errors="replace").rstrip())
        if not found:
            raise UsageError(
                f"{where}: line {number}: {line[:60]!r} is no line of sha512sum; restore the file "
                "from version control, or remove the line"
            )
        digest, name = found[1].lower(), found[2]
        if name in pins:
            raise UsageError(f"{where}: line {number}: {name} is there twice; remove one line")
        pins[name] = digest
    return pins
