"""Changes that sources need for some releases: unified diffs, edit rules, compatibility headers.

What does not apply exactly is an error that names the rule, the file and the hunk: a patch that
lands in the wrong place compiles often enough to be dangerous. Pure, but for reading the files.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from unidiff.constants import LINE_TYPE_NO_NEWLINE
from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk
from unidiff.patch import PatchSet as UnifiedDiff

from buildkit.errors import TargetError, UsageError
from buildkit.files.tree import File, Tree, tree_digest
from buildkit.modelerrors import explain
from buildkit.releases import Release
from buildkit.specifiers import Specifier

_NO_FILE = "/dev/null"
"""What a diff calls the side on which a file is not there."""

Subject = Literal["module", "sdk"]
"""Whose sources a patch changes."""


def _relative(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("must be a path below the sources, without '..'")
    return path


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_relative)]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a Python regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_compiles)]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    why: str = Field(min_length=1, description="Why it is needed, and for which compilers.")
    to: Subject = Field("module", description="Whose sources are changed.")
    match: Specifier = Field("", description="PEP 440 specifier of the releases that need it.")


class Edit(_Rule):
    """Replace what a regular expression matches in one file."""

    file: RelativePath = Field(description="The file, relative to the subject's sources.")
    pattern: Pattern = Field(description="Python regular expression, with MULTILINE.")
    replacement: str = Field(description="Replacement; \\1 is the first group.")
    count: int = Field(1, ge=1, description="How often the pattern must match, exactly.")


class Diff(_Rule):
    """Apply a unified diff of our own making; context must match exactly."""

    file: str = Field(min_length=1, description="The diff, relative to the rule file.")


class Header(_Rule):
    """Put a header of our own where an include will find it."""

    file: str = Field(min_length=1, description="The header, relative to the patch file.")
    include: RelativePath = Field(description="Its name in #include, such as xlocale.h.")


class PatchSet(BaseModel):
    """A ``.toml`` file in ``patches/``: edit rules, diffs and compatibility headers.

    Diffs come first, then edits; each kind in the order written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    diff: tuple[Diff, ...] = ()
    edit: tuple[Edit, ...] = ()
    header: tuple[Header, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Patch:
    """One file of ``patches/``, read and checked, with the files it names."""

    name: str
    """As matrix.toml writes it."""
    rules: PatchSet
    diffs: Mapping[str, UnifiedDiff]
    """The diffs that the rules name, parsed, by the name in the rule."""
    files: Tree
    """Every file the patch is made of, for digests."""

    def touches(self, subject: Subject, release: Release) -> bool:
        """Whether a rule is for that subject's sources and for that release."""
        rules = (*self.rules.diff, *self.rules.edit, *self.rules.header)
        return any(rule.to == subject and release.matches(rule.match) for rule in rules)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, over all the patch is made of."""
        return tree_digest(self.files)


def load_patch(name: str, root: Path) -> Patch:
    """Read ``root/name``: a unified diff (``.diff``, ``.patch``) or a rule file (``.toml``).

    A diff on its own changes the module, for whatever release the matrix names it.

    Raises :class:`UsageError` naming the file, and the key or line that is wrong.
    """
    path = root / name
    text = _read(path, name)
    files = {name: File(text.encode())}
    if path.suffix in {".diff", ".patch"}:
        rule = Diff(why="named by the matrix", file=name, to="module", match="")
        diffs = {name: _parse_diff(text, name)}
        return Patch(name=name, rules=PatchSet(diff=(rule,)), diffs=diffs, files=files)
    if path.suffix != ".toml":
        raise UsageError(f"{name}: expected a .diff, .patch or .toml file")
    try:
        raw = tomllib.loads(text)
        rules = PatchSet.model_validate(raw)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise UsageError(explain(error, PatchSet, file=name, raw=raw)) from None
    for kind, rule_files in (("diff", rules.diff), ("header", rules.header)):
        for rule_file in rule_files:
            where = f"{name}: [[{kind}]] file = {rule_file.file!r}"
            files[rule_file.file] = File(_read(path.parent / rule_file.file, where).encode())
    diffs = {
        rule.file: _parse_diff(files[rule.file].data.decode(), f"{name}: {rule.file}")
        for rule in rules.diff
    }
    return Patch(name=name, rules=rules, diffs=diffs, files=files)


def _read(path: Path, where: str) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UsageError(f"{where}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 text at byte {error.start}") from None
    except ValueError as error:
        raise UsageError(f"{where}: can't be read: {error}") from None


def _parse_diff(text: str, where: str) -> UnifiedDiff:
    try:
        diff = UnifiedDiff(text)
    except UnidiffParseError as error:
        raise UsageError(f"{where}: not a unified diff: {str(error).strip()}") from None
    if not diff:
        raise UsageError(f"{where}: holds no change; expected a unified diff")
    for change in diff:
        try:
            _relative(change.path)
        except ValueError as error:
            raise UsageError(f"{where}: file {change.path}: {error}") from None
    return diff


def apply_patches(
    tree: Tree, patches: Sequence[Patch], release: Release, subject: Subject
) -> dict[str, File]:
    """``tree`` after every diff and edit for ``release`` and ``subject``, in the order given.

    Compatibility headers belong to neither subject; see :func:`compatibility_headers`.

    Raises :class:`TargetError` for what does not apply, naming the rule, file and hunk.
    """
    result = dict(tree)
    for patch in patches:
        for diff in patch.rules.diff:
            if diff.to == subject and release.matches(diff.match):
                _apply_diff(result, patch.diffs[diff.file], diff.file)
        for number, edit in enumerate(patch.rules.edit, 1):
            if edit.to == subject and release.matches(edit.match):
                _apply_edit(result, edit, f"{patch.name}: [[edit]] {number}")
    return result


def compatibility_headers(
    patches: Sequence[Patch], release: Release, subject: Subject | None = None
) -> dict[str, File]:
    """The headers to put on the include path for ``release``, by their name in ``#include``.

    With ``subject``, only those that its sources need.
    """
    return {
        header.include: patch.files[header.file]
        for patch in patches
        for header in patch.rules.header
        if release.matches(header.match) and subject in {None, header.to}
    }


def _apply_edit(tree: dict[str, File], edit: Edit, where: str) -> None:
    file = tree.get(edit.file)
    if file is None:
        raise TargetError(f"{where}: file {edit.file} is not among the sources")
    try:
        text, hits = re.subn(edit.pattern, edit.replacement, file.data.decode(), flags=re.MULTILINE)
    except UnicodeDecodeError:
        raise TargetError(f"{where}: file {edit.file} is not UTF-8 text") from None
    except (re.error, IndexError) as error:
        raise TargetError(f"{where}: replacement {edit.replacement!r}: {error}") from None
    if hits != edit.count:
        raise TargetError(
            f"{where}: file {edit.file}: pattern {edit.pattern!r} matches {hits} times, "
            f"expected {edit.count}"
        )
    tree[edit.file] = File(text.encode(), executable=file.executable)


def _apply_diff(tree: dict[str, File], diff: UnifiedDiff, name: str) -> None:
    for change in diff:
        path = change.path
        where = f"{name}: file {path}"
        if change.is_binary_file or change.is_rename:
            raise TargetError(f"{where}: binary and renaming changes are not supported")
        # unidiff's own is_added_file takes filling an empty file for adding one, too.
        if change.source_file == _NO_FILE:
            if path in tree:
                raise TargetError(f"{where}: to be added, but already there")
            tree[path] = File("".join(_side(hunk, "+") for hunk in change).encode())
            continue
        if path not in tree:
            raise TargetError(f"{where}: not among the sources")
        lines = _lines(tree[path].data.decode(errors="surrogateescape"))
        shift = 0
        for number, hunk in enumerate(change, 1):
            old = _lines(_side(hunk, "-"))
            new = _lines(_side(hunk, "+"))
            # A hunk that only adds names the line it goes behind, any other its first own line.
            start = hunk.source_start - (1 if hunk.source_length else 0) + shift
            if start > len(lines) or lines[start : start + len(old)] != old:
                raise TargetError(
                    f"{where}: hunk {number} ({_title(hunk)}) does not apply exactly; "
                    "no fuzz is allowed: make the diff anew against these sources"
                )
            lines[start : start + len(old)] = new
            shift += len(new) - len(old)
        if change.target_file == _NO_FILE:
            if lines:
                raise TargetError(f"{where}: to be removed, but it has other lines as well")
            del tree[path]
        else:
            data = "".join(lines).encode(errors="surrogateescape")
            tree[path] = File(data, executable=tree[path].executable)


def _lines(text: str) -> list[str]:
    """As diffs count them: a form feed or a lone carriage return ends no line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _title(hunk: Hunk) -> str:
    return (
        f"@@ -{hunk.source_start},{hunk.source_length} +{hunk.target_start},{hunk.target_length} @@"
    )


def _side(hunk: Hunk, sign: Literal["+", "-"]) -> str:
    """One side of a hunk; a line marked as lacking its line end has it taken off."""
    text = ""
    kept = False
    for line in hunk:
        if line.line_type == LINE_TYPE_NO_NEWLINE:
            if kept:
                text = text.removesuffix("\n")
            continue
        kept = line.is_context or line.is_added == (sign == "+")
        if kept:
            text += line.value
    return text
