"""A target's context as a folder of one run's own, put in its public place when the run is done."""

import shutil
import tempfile
from pathlib import Path
from typing import Self

from filelock import FileLock

from buildkit.context import Context
from buildkit.tree import replace_folder, write_tree


class WorkFolder:
    """Written when a step first asks for :attr:`path`; most cached targets never do.

    Another process may work on the same target, and a user may edit the public folder: neither
    must reach what is compiled here.
    """

    def __init__(self, context: Context, public: Path) -> None:
        self._context = context
        self._public = public
        self._own: Path | None = None

    @property
    def path(self) -> Path:
        """The folder."""
        if self._own is None:
            self._public.parent.mkdir(parents=True, exist_ok=True)
            place = tempfile.mkdtemp(prefix=f".{self._public.name}-work-", dir=self._public.parent)
            own = Path(place, self._public.name)
            try:
                write_tree(self._context.tree(), own)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            self._own = own
        return self._own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own is None:
            return
        try:
            with FileLock(self._public.parent / f".{self._public.name}.lock"):
                replace_folder(self._own, self._public)
        finally:
            shutil.rmtree(self._own.parent, ignore_errors=True)
