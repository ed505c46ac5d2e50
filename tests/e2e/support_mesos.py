"""A source archive of Mesos of the tests' own making: laid out like a real one, only small.

Headers are those of the stub SDK, but for what protobuf makes: the messages are ``.proto`` files
here, written from the interface table, for the real protobuf. The module loader and the rest that
the SDK's recipe asks for lie in ``tests/support``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from buildkit import interfaces
from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File, read_tree, texts, under
from buildkit.interfaces import Field, InterfaceTable
from buildkit.releases import Release
from buildkit.sdk import stub

_SUPPORT = Path(__file__).parents[1] / "support"

_VERSIONS = {
    "BOOST": "1.65.0",
    "CONCURRENTQUEUE": "7b69a8f",
    "GLOG": "0.4.0",
    "HTTP_PARSER": "2.6.2",
    "LIBEV": "4.22",
    "PICOJSON": "1.3.0",
    "PROTOBUF": "3.5.0",
    "RAPIDJSON": "1.1.0",
}

# Sources that a runtime is compiled of, of which no module here wants anything.
_EMPTY = (
    "src/common/attributes.cpp",
    "src/common/resources.cpp",
    "src/common/resources_utils.cpp",
    "src/common/roles.cpp",
    "src/common/type_utils.cpp",
    "src/common/validation.cpp",
    "src/common/values.cpp",
    "src/csi/paths.cpp",
    "src/slave/state.cpp",
    "3rdparty/libprocess/src/http.cpp",
    "3rdparty/libprocess/src/process.cpp",
    "3rdparty/libprocess/src/posix/poll_socket.cpp",
    "3rdparty/libprocess/src/posix/libev/libev.cpp",
    "3rdparty/libprocess/src/posix/libev/libev_poll.cpp",
)

# A third-party library's files, below its archive's top folder, that are here for the name only.
_BUNDLED = {
    "boost": ("boost/version.hpp",),
    "concurrentqueue": ("concurrentqueue.h",),
    "http-parser": ("http_parser.h", "http_parser.c"),
    "libev": ("ev.h", "ev.c"),
    "rapidjson": ("include/rapidjson/rapidjson.h",),
}

# Where the real ones have their licence; boost's comes without.
_LICENCES = {
    "concurrentqueue": "LICENSE.md",
    "glog": "COPYING",
    "http-parser": "LICENSE-MIT",
    "picojson": "LICENSE",
    "rapidjson": "license.txt",
}

_LEFT_OUT = "// Of the real one nothing is needed here.\n"


def write_archive(release: Release, folder: Path, *, claims: Release | None = None) -> Path:
    """Write ``mesos-<release>.tar.gz`` into ``folder``. Inside it is of release ``claims``.

    Its bundled protobuf is not in it, so that it must come from beside it.
    """
    path = folder / f"mesos-{release}.tar.gz"
    path.write_bytes(write_tarball(under(f"mesos-{release}", _tree(claims or release))))
    return path


def _tree(release: Release) -> dict[str, File]:
    return {
        **read_tree(_SUPPORT / "mesos"),
        **texts((path, _LEFT_OUT) for path in _EMPTY),
        **texts(
            [
                ("LICENSE", "All of this archive is the tests' own.\n"),
                ("NOTICE", f"Mesos {release}, as the tests have it\n"),
                ("configure.ac", f"AC_PREREQ([2.61])\nAC_INIT([mesos], [{release}])\n"),
                (
                    "3rdparty/versions.am",
                    "".join(f"{name}_VERSION = {value}\n" for name, value in _VERSIONS.items()),
                ),
            ]
        ),
        **dict(_headers(release)),
        **texts(_Protos(release).files()),
        **under("3rdparty", _bundled(release)),
    }


def _headers(release: Release) -> Iterable[tuple[str, File]]:
    """The stub's, but for what the real protobuf, glog and configure make."""
    roots = {
        "mesos": "include/",
        "process": "3rdparty/libprocess/include/",
        "stout": "3rdparty/stout/include/",
    }
    for path, data in stub.render(release).items():
        root = roots.get(PurePosixPath(path).parts[0])
        if root and not path.endswith(".pb.h") and path != "mesos/version.hpp":
            yield root + path, File(data)


def _bundled(release: Release) -> dict[str, File]:
    """The archives that Mesos brings along, protobuf's excepted."""
    trees = {name: texts((path, _LEFT_OUT) for path in paths) for name, paths in _BUNDLED.items()}
    trees["picojson"] = read_tree(_SUPPORT / "picojson")
    trees["glog"] = {"src/glog/logging.h.in": _glog_template(release)}
    for name, path in _LICENCES.items():
        trees[name] = {**trees[name], **texts([(path, f"The licence of {name}.\n")])}
    archives = {}
    for name, tree in trees.items():
        stem = f"{name}-{_VERSIONS[name.replace('-', '_').upper()]}"
        archives[f"{stem}.tar.gz"] = File(write_tarball(under(stem, tree)))
    return archives


def _glog_template(release: Release) -> File:
    """The stub's header, before configure has put in the names of its namespace."""
    header = stub.render(release)["glog/logging.h"].decode()
    for text, variable in (
        ("namespace google {", "@ac_google_start_namespace@"),
        ("} // namespace google", "@ac_google_end_namespace@"),
    ):
        assert text in header
        header = header.replace(text, variable)
    return File(header.encode())


_SCALARS = {
    "bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64",
}  # fmt: skip

# Messages apart from Mesos's own, as fields name them: file and package.
_FOREIGN = {
    "appc.spec.ImageManifest": ("include/mesos/appc/spec.proto", "appc.spec"),
    "docker.spec.v1.ImageManifest": ("include/mesos/docker/v1.proto", "docker.spec.v1"),
    "seccomp.ContainerSeccompProfile": ("include/mesos/seccomp/seccomp.proto", "mesos.seccomp"),
}
_MESOS = ("include/mesos/mesos.proto", "mesos")


class _Protos:
    """The ``.proto`` files of a release, as far as the interface table knows them."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._table: InterfaceTable = interfaces.load()

    def files(self) -> list[tuple[str, str]]:
        """Path and text of each."""
        tops = defaultdict(list)
        for name, (file, _) in self._types.items():
            if name in _FOREIGN or "." not in name:
                tops[file].append(name)
        return [(file, self._file(file, names)) for file, names in sorted(tops.items())]

    @cached_property
    def _types(self) -> Mapping[str, tuple[str, str]]:
        """Dotted name -> file and package, with those that only hold other types."""
        found: dict[str, tuple[str, str]] = {}
        for name in (
            *self._table.messages_of(self._release),
            *self._table.enums_of(self._release),
        ):
            declared = self._table.declaration(name, self._release)
            assert declared is not None
            for outer in (name, *_outer(name)):
                found.setdefault(outer, (declared.proto, declared.package))
        for name in self._table.messages_of(self._release):
            for row in self._table.fields(name, self._release):
                if row.type not in _SCALARS and _meant(row.type, name, found) is None:
                    # Of which the table knows no more than the name: an empty message.
                    for outer in () if row.type in _FOREIGN else _outer(row.type):
                        found.setdefault(outer, _MESOS)
                    found[row.type] = _FOREIGN.get(row.type, _MESOS)
        return found

    def _file(self, file: str, names: list[str]) -> str:
        text = "".join(self._type(name, "") for name in names)
        imports = {
            self._types[used][0].removeprefix("include/")
            for name in self._types
            if self._types[name][0] == file
            for _, used in self._fields(name)
            if used and self._types[used][0] != file
        }
        return (
            'syntax = "proto2";\n\n'
            + "".join(f'import "{path}";\n' for path in sorted(imports))
            + f"\npackage {self._types[names[0]][1]};\n\n{text}"
        )

    def _type(self, name: str, indent: str) -> str:
        short = name.rpartition(".")[2]
        if name in self._table.enums:
            values = self._table.enum_values(name, self._release)
            lines = [f"{value.name} = {value.number};" for value in values]
            return _block(f"enum {short}", lines, indent)
        lines = []
        choices = defaultdict(list)
        for row, used in self._fields(name):
            line = f"{self._spelled(row, used)} {row.name} = {row.number}{_options(row)};"
            if row.oneof:
                choices[row.oneof].append(line)
            else:
                lines.append(f"{row.label} {line}" if row.label != "map" else line)
        inside = "".join(
            self._type(other, f"{indent}  ")
            for other in self._types
            if other.rpartition(".")[0] == name
        )
        inside += "".join(
            _block(f"oneof {choice}", fields, f"{indent}  ") for choice, fields in choices.items()
        )
        return _block(f"message {short}", lines, indent, inside)

    def _fields(self, name: str) -> Iterable[tuple[Field, str | None]]:
        """Each field, and the type it uses if that is no scalar."""
        if name in self._table.messages:
            for row in self._table.fields(name, self._release):
                yield row, None if row.type in _SCALARS else _meant(row.type, name, self._types)

    def _spelled(self, row: Field, used: str | None) -> str:
        type_ = row.type
        if used is not None:
            inside = used.rpartition(".")[2] if used in _FOREIGN else used
            type_ = f".{self._types[used][1]}.{inside}"
        return f"map<{row.key}, {type_}>" if row.label == "map" else type_


def _meant(spelled: str, scope: str, types: Mapping[str, object]) -> str | None:
    """The type that a field of the message ``scope`` means."""
    candidates = [f"{outer}.{spelled}" for outer in (scope, *_outer(scope))]
    return next((name for name in (*candidates, spelled) if name in types), None)


def _outer(name: str) -> list[str]:
    """The enclosing names, innermost first."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _options(row: Field) -> str:
    if row.default is None:
        return ""
    return (
        f' [default = "{row.default}"]' if row.type == "string" else f" [default = {row.default}]"
    )


def _block(head: str, lines: list[str], indent: str, inside: str = "") -> str:
    body = "".join(f"{indent}  {line}\n" for line in lines)
    return f"{indent}{head} {{\n{inside}{body}{indent}}}\n"
