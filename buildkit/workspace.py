"""Where everything lies: the fixed places below ``build/`` and ``dist/``. Pure paths."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from buildkit.plan import Target


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The folders of one matrix file, which lie beside it."""

    root: Path

    @property
    def build(self) -> Path:
        """Everything that can be deleted and made again."""
        return self.root / "build"

    @property
    def dist(self) -> Path:
        """The results."""
        return self.root / "dist"

    @property
    def dist_lock(self) -> Path:
        """Held while dist/'s manifest is rewritten."""
        return self.build / "dist.lock"

    @property
    def cache(self) -> Path:
        """The content-addressed store."""
        return self.build / "cache"

    @property
    def repositories(self) -> Path:
        """Clones of the modules' git repositories."""
        return self.build / "git"

    def context(self, target: Target) -> Path:
        """The target's Docker context."""
        return self.build / "contexts" / target.folder

    @property
    def logs(self) -> Path:
        """Every target's full log."""
        return self.build / "logs"

    def log(self, target: Target) -> Path:
        """The target's full log."""
        return self.logs / log_name(target.folder)

    def failed(self, target: Target) -> Path:
        """The work folder of a failed target, if it was to be kept."""
        return self.build / "failed" / target.folder

    def shown(self, path: Path) -> str:
        """``path`` as a user would name it from where they are."""
        relative = os.path.relpath(path)
        return str(path) if relative.startswith("..") else relative


def log_name(folder: PurePosixPath) -> str:
    """A target's log below ``build/logs/``, such as ``0.24.1.log``; ``folder`` is the target's."""
    return str(folder.with_name(f"{folder.name}.log"))
