"""What the templates of plain C++ classes need: the isolator's base class, structs, descriptor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable, Method, Parameter
from buildkit.interfaces.rows import Abi, Constructor, Kind, Member
from buildkit.releases import Release


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header to render: its path below the include folder and what its template needs."""

    path: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StructConstructor:
    """A constructor that fills one member from each parameter."""

    parameters: tuple[Parameter, ...]
    pairs: tuple[tuple[Member, Parameter], ...]


@dataclass(frozen=True, kw_only=True)
class StructView:
    """A plain struct."""

    name: str
    members: tuple[Member, ...]
    constructors: tuple[StructConstructor, ...]


@dataclass(frozen=True, kw_only=True)
class ClassView:
    """A class of the isolator's header."""

    name: str
    base: str
    methods: tuple[Method, ...]
    facade: str = ""
    """The process class this one hides behind itself, if it is a facade."""

    @property
    def forwarded(self) -> tuple[Method, ...]:
        """Methods a facade passes on to its process."""
        return tuple(m for m in self.methods if m.returns and m.kind == "nonvirtual")


@dataclass(frozen=True, kw_only=True)
class ModuleConstructor:
    """The constructor of a kind's ``Module<T>``."""

    parameters: tuple[str, ...]
    """Declarations, in order."""
    base_arguments: tuple[str, ...]
    """What it passes on for each member of ModuleBase."""


@dataclass(frozen=True, kw_only=True)
class MacroView:
    """A preprocessor macro and its replacement."""

    name: str
    value: str


def version_macros(table: InterfaceTable, release: Release) -> tuple[MacroView, ...]:
    """The macros of ``mesos/version.hpp``, for exactly the names the release has."""
    values = {
        "MESOS_VERSION": str(release),
        "MESOS_MAJOR_VERSION": str(release.major),
        "MESOS_MINOR_VERSION": str(release.minor),
        "MESOS_PATCH_VERSION": str(release.patch),
    }
    views: list[MacroView] = []
    for macro in table.macros(release):
        value = values.get(macro.name.removesuffix("_NUM"))
        if value is None:
            raise UsageError(
                f"interface table: modules.json: macro {macro.name}: the stub SDK has no value "
                f"for it; it knows {', '.join(values)} and the same with _NUM"
            )
        text = value if macro.kind == "integer" else f'"{value}"'
        views.append(MacroView(name=macro.name, value=text))
    return tuple(views)


def has_header(table: InterfaceTable, release: Release, path: str) -> bool:
    """Whether the release has the header ``path`` at all; most exist in every release."""
    match path:
        case "mesos/slave/containerizer.hpp":
            return bool(table.includes(f"include/{path}", release))
        case "google/protobuf/map.h":
            return not table.bundled(release)["protobuf"].startswith("2.")
        case "stout/stub_hash.hpp":
            return "std_hash" not in table.features(release)
    return True


def container_io(table: InterfaceTable, release: Release) -> tuple[Member, ...]:
    """Members of the plain struct ContainerIO; empty where the release has none."""
    if table.location("ContainerIO", release) is None:
        return ()
    return table.members("ContainerIO", release)


def isolator_header(table: InterfaceTable, release: Release) -> Header:
    """The header that declares the isolator's base class, with whatever else it declares."""
    base = table.isolator_base(release)
    if base.location.include is None:
        raise UsageError(
            f"no stub SDK for Mesos {release}: its isolator header {base.location.header} "
            f"is not installed"
        )
    declared = [
        location
        for name in (*table.structs, "Isolator", "IsolatorProcess")
        if (location := table.location(name, release)) is not None
        and location.header == base.location.header
    ]
    for location in declared:
        if location.namespace != base.location.namespace:
            raise UsageError(
                f"interface table: {location.header} declares {location.qualified} and "
                f"{base.location.qualified} in {release}; the stub SDK knows one namespace a header"
            )
    structs = [
        StructView(
            name=location.name,
            members=members,
            constructors=tuple(
                _constructor(members, row) for row in table.constructors(name, release)
            ),
        )
        for name in table.structs
        if (location := table.location(name, release)) is not None
        and location.header == base.location.header
        and (members := table.members(name, release))
    ]
    classes: list[ClassView] = []
    for interface in ("Isolator", "IsolatorProcess"):
        location = table.location(interface, release)
        if location is not None and location.header == base.location.header:
            classes.append(
                ClassView(
                    name=location.name,
                    base=location.base,
                    methods=table.methods(interface, release),
                    facade=(base.location.name if interface != base.interface else ""),
                )
            )
    return Header(
        path=base.location.include,
        values={
            "header": base.location.header,
            "namespaces": base.location.namespace.split("::"),
            "structs": structs,
            "classes": classes,
            "declare": declare,
        },
    )


def _constructor(members: tuple[Member, ...], row: Constructor) -> StructConstructor:
    return StructConstructor(
        parameters=row.parameters, pairs=tuple(zip(members, row.parameters, strict=True))
    )


def declare(method: Method) -> str:
    """A method's declaration, with its inline body if it has one."""
    if method.body is not None or method.is_destructor:
        # A default body uses none of its parameters: without names there is nothing to warn of.
        parameters = ", ".join(
            f"{p.type}{'' if p.default is None else f' = {p.default}'}" for p in method.parameters
        )
    else:
        parameters = ", ".join(str(p) for p in method.parameters)
    head = {"pure": "virtual ", "virtual": "virtual ", "static": "static "}.get(method.kind, "")
    if not method.returns and len(method.parameters) == 1:
        head = "explicit "
    text = f"{head}{f'{method.returns} ' if method.returns else ''}{method.name}({parameters})"
    text += " const" if method.const else ""
    if method.kind == "pure":
        return f"{text} = 0;"
    if method.body == "= default":
        return f"{text} = default;"
    if method.body is not None:
        return f"{text} {{ {method.body} }}"
    return f"{text} {{}}" if method.is_destructor and method.is_virtual else f"{text};"


def module_constructor(abi: Abi, kind: Kind) -> ModuleConstructor:
    """The constructor of ``Module<T>`` for one kind.

    Raises :class:`UsageError` if the table names a parameter that nothing is known of.
    """
    parameters = {field.name: abi_parameter(field) for field in abi.fields}
    parameters["create"] = f"{kind.type}* (*_create)(const Parameters& parameters)"
    unknown = [name for name in abi.constructor if name not in parameters]
    if unknown:
        raise UsageError(
            f"interface table: modules.json: abi.constructor: {unknown[0]} is neither a field nor "
            "create"
        )
    given = {name: f"_{name}" for name in abi.constructor}
    given["kind"] = f"::mesos::modules::kind<{kind.type}>()"
    return ModuleConstructor(
        parameters=tuple(parameters[name] for name in abi.constructor),
        base_arguments=tuple(given.get(field.name, "nullptr") for field in abi.fields),
    )


def abi_member(field: Parameter) -> str:
    """A member of ModuleBase, with function pointers spelled as C++ wants them."""
    return _declarator(field.type, field.name)


def abi_parameter(field: Parameter) -> str:
    """The constructor parameter that fills a member of ModuleBase."""
    return _declarator(field.type, f"_{field.name}")


def _declarator(type_: str, name: str) -> str:
    if "(*)" in type_:
        return type_.replace("(*)", f"(*{name})", 1)
    return f"{type_} {name}"
