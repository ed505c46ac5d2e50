"""Projects under git, and what is released of them."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from buildkit.files.tarballs import read_tarball

_WHO = {
    f"GIT_{one}_{key}": value
    for one in ("AUTHOR", "COMMITTER")
    for key, value in (
        ("NAME", "nobody"),
        ("EMAIL", "nobody@example.org"),
        ("DATE", "2026-01-02T03:04:05+00:00"),
    )
}


@dataclass(frozen=True)
class Checkout:
    """``project`` is one of conftest's."""

    project: Any
    arguments: tuple[str, ...] = ()
    """Of ``release``."""

    @property
    def folder(self) -> Path:
        return self.project.root / "dist/release"

    def git(self, *arguments: str) -> str:
        done = self.project.execute(
            "git", *arguments, env={**self.project.environment(), **_WHO, "HOME": "/nonexistent"}
        )
        assert done.code == 0, done.text
        return done.out.strip()

    def commit(self) -> str:
        """Commit all there is; the commit's ID."""
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "All of it")
        return self.git("rev-parse", "HEAD")

    def release(self, *arguments: str):
        return self.project.run("release", *self.arguments, *arguments)

    def good_release(self, *arguments: str):
        done = self.release(*arguments)
        assert done.code == 0, done.text
        return done

    def published(self, folder: str = "dist/release") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.project.root / folder).iterdir()}


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of a tarball by their path below its top folder."""
    files = read_tarball(BytesIO(data), wanted=lambda _: True)
    return {path.partition("/")[2]: file.data for path, file in files.items()}
