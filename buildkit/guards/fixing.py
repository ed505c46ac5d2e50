"""Shows what :mod:`buildkit.guards.fix` has found, and writes it."""

import difflib
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from buildkit.files.tree import File, Tree, replace_text
from buildkit.guards.fix import Fixed, Texts
from buildkit.guards.record import ModuleReport
from buildkit.guards.text import Shown
from buildkit.matrix import Module
from buildkit.wording import counted
from buildkit.workspace import Workspace

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def with_texts(tree: Tree, texts: Texts) -> Tree:
    """A tree with some files changed."""
    changed = {
        path: File(text.encode(errors="surrogateescape"), executable=tree[path].executable)
        for path, text in texts.items()
    }
    return {**tree, **changed}


def print_fixed(
    console: Console, shown: Shown, one: ModuleReport, fixed: Fixed, *, diff: bool
) -> None:
    """Say what is rewritten, or show it, and what is left as it is, and why."""
    if diff:
        for line in _diff(one, fixed, shown):
            console.print(Text(line, style=_STYLES.get(line[:1], "")), soft_wrap=True)
    for refusal in fixed.refusals:
        place = f"{shown(refusal.place.path)}:{refusal.place.line}"
        console.print(
            Text(f"{place}: left as it is: '{refusal.condition}': {refusal.reason}"),
            soft_wrap=True,
        )
    conditions = counted(len(fixed.places), "condition")
    files = counted(len(fixed.texts), "file")
    console.print(
        Text(
            f"{one.name}: {'would rewrite' if diff else 'rewrote'} {conditions} in {files}, "
            f"left {len(fixed.refusals)}"
        ),
        soft_wrap=True,
    )


def _diff(one: ModuleReport, fixed: Fixed, shown: Shown) -> Iterator[str]:
    for path, text in fixed.texts.items():
        old = one.report.reading.files[path].source.text
        name = shown(path)
        yield from (
            line.rstrip("\r\n")
            for line in difflib.unified_diff(
                old.splitlines(keepends=True), text.splitlines(keepends=True), name, name
            )
        )


def write_fixed(workspace: Workspace, module: Module, fixed: Fixed) -> None:
    """Change the files."""
    for path, text in fixed.texts.items():
        replace_text(workspace.root / (module.source or "") / path, text)
