"""The stub SDK: a release's include tree, rendered from the interface table.

Pure and deterministic: the same table, templates and release give the same bytes. The headers need
a C++11 compiler and ``-pthread``, nothing else; everything in them is inline. What they declare is
what the release declares as far as an isolator sees it; what the table does not know is an opaque
type, and there is no serialisation. A module that loads and runs against them has been checked, but
the binary is never one to ship.

``python -m buildkit.sdk.stub RELEASE FOLDER`` writes the tree to a folder.
"""

import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import jinja2

from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable, load
from buildkit.releases import STUB_BEGINS, Release
from buildkit.sdk.stub import classes, messages

OLDEST = STUB_BEGINS
"""First release with installed isolator headers, and so the first a stub exists for."""
NEWEST = Release(1, 11, 0)
"""Last release of the interface table."""

_SUFFIX = ".j2"


def render(release: Release, table: InterfaceTable | None = None) -> dict[str, bytes]:
    """The include tree of ``release``: path relative to the include folder -> content.

    ``table`` defaults to the package's own. Raises :class:`UsageError` for a release outside
    0.22.0 to 1.11.0.
    """
    _check(release)
    table = table or load()
    tree: dict[str, str] = {}
    environment = _environment()
    common = {
        "release": str(release),
        "features": table.features(release),
        "protobuf_major": int(table.bundled(release)["protobuf"].split(".")[0]),
        "includes": lambda header: table.includes(header, release),
    }

    def add(path: str, template: str, **values: object) -> None:
        guard = "MESOS_STUB_" + "".join(c if c.isalnum() else "_" for c in path).upper()
        tree[path] = environment.get_template(template).render(common, guard=guard, **values)

    views: dict[str, dict[str, object]] = {
        "mesos/version.hpp": {"macros": classes.version_macros(table, release)},
        "mesos/type_utils.hpp": {"ids": messages.identifiers(table, release)},
        "mesos/module.hpp": {
            "abi": table.abi,
            "abi_parameter": classes.abi_parameter,
            "abi_member": classes.abi_member,
        },
        "mesos/slave/containerizer.hpp": {"container_io": classes.container_io(table, release)},
    }
    for template in _plain_templates():
        path = template.removesuffix(_SUFFIX)
        if classes.has_header(table, release, path):
            add(path, template, **views.get(path, {}))
    for file in messages.files(table, release):
        add(file.path, "_messages.pb.h.j2", file=file)
    isolator = classes.isolator_header(table, release)
    add(isolator.path, "_isolator.hpp.j2", **isolator.values)
    kind = table.kind("Isolator", release)
    if kind is not None:
        module = classes.module_constructor(table.abi, kind)
        add(kind.header.removeprefix("include/"), "_kind.hpp.j2", kind=kind, module=module)
    return {path: text.encode() for path, text in sorted(tree.items())}


def digest(release: Release, table: InterfaceTable | None = None) -> str:
    """SHA-256 in hex over all that :func:`render` depends on, without rendering.

    Two calls with equal digests would render the same bytes. Raises as :func:`render` does.
    """
    _check(release)
    table = table or load()
    return hashlib.sha256(f"{table.digest} {_own_digest()} {release}".encode()).hexdigest()


def _check(release: Release) -> None:
    if not OLDEST <= release <= NEWEST:
        raise UsageError(
            f"no stub SDK for Mesos {release}: the interface table covers {OLDEST} to {NEWEST} "
            f"for stubs; use --sdk release, image or prefix for this release, or leave it out"
        )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("buildkit.sdk.stub"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=False,  # noqa: S701 - C++ is no markup
    )


@cache
def _plain_templates() -> tuple[str, ...]:
    """Templates that stand for the header of the same path."""
    root = resources.files("buildkit.sdk.stub") / "templates"
    names = (name for name, _ in _walk(root) if name.endswith(_SUFFIX))
    return tuple(sorted(name for name in names if not name.startswith("_")))


@cache
def _own_digest() -> str:
    """Over this package's templates and code, which both shape the output."""
    sum_ = hashlib.sha256()
    for name, file in sorted(_walk(resources.files("buildkit.sdk.stub")), key=lambda item: item[0]):
        if name.endswith((_SUFFIX, ".py")):
            content = file.read_bytes()
            sum_.update(f"{name} {len(content)}\n".encode())
            sum_.update(content)
    return sum_.hexdigest()


def _walk(folder: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _walk(item, f"{prefix}{item.name}/")
        else:
            found.append((f"{prefix}{item.name}", item))
    return found
