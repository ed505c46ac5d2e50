"""What is shown while files are on their way: a bar on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Report = Callable[[int, int | None], None]
"""Takes the bytes that have arrived so far, and the number there will be if that is known."""

Show = Callable[[str], AbstractContextManager[Report]]
"""Given a file's name, shows its progress as long as the context lasts."""


@contextmanager
def show_nothing(_: str) -> Iterator[Report]:
    """For where nobody watches."""
    yield lambda _, __: None


def show_on(console: Console) -> Show:
    """Shows a bar that goes away when the file has come."""

    @contextmanager
    def show(name: str) -> Iterator[Report]:
        columns = (
            # A name may hold brackets that mean themselves.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(name, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    return show if console.is_terminal else show_nothing
