"""A target's context as a folder of one run's own, put in its public place when the run is done."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from filelock import FileLock

from buildkit.context import Context
from buildkit.files.ownfolder import own_folder
from buildkit.files.tree import replace_folder, write_tree


class WorkFolder:
    """Written when a step first asks for :attr:`path`; most cached targets never do.

    Another process may work on the same target, and a user may edit the public folder: neither
    must reach what is compiled here.
    """

    def __init__(self, context: Context, public: Path) -> None:
        self._context = context
        self._public = public
        self._own: Path | None = None
        self._stack = ExitStack()

    @property
    def path(self) -> Path:
        """The folder."""
        if self._own is None:
            self._public.parent.mkdir(parents=True, exist_ok=True)
            own = self._stack.enter_context(own_folder(self._public.parent))
            write_tree(self._context.tree(), own / self._public.name)
            self._own = own / self._public.name
        return self._own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            if self._own is not None:
                with FileLock(self._public.parent / f".{self._public.name}.lock"):
                    replace_folder(self._own, self._public)
