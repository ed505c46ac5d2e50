"""The module's classes that the agent calls through an interface, and their methods. Pure."""

from collections.abc import Iterator, Mapping

from buildkit.findings import Place
from buildkit.uses.demands import Derivation, OwnMethod
from buildkit.uses.names import Declared, Names
from buildkit.uses.syntax import Class, Function


def derivations(names: Names) -> Iterator[Derivation]:
    """Each class that derives from an interface of the table, and that none derives from in turn.

    Class templates are left out: what they derive from may depend on their parameters.
    """
    classes = {
        name: declared
        for name, many in names.declared.items()
        for declared in many
        if isinstance(declared.node, Class) and not declared.node.template
    }
    parents = {base for declared in classes.values() for base in _bases(names, declared)}
    for name, declared in classes.items():
        if name in parents:
            continue
        for interface in names.interfaces(name):
            yield Derivation(
                place=_place(declared),
                own=name,
                interface=interface,
                methods=tuple(_methods(names, classes, name)),
            )


def _bases(names: Names, declared: Declared) -> list[str]:
    if not isinstance(declared.node, Class):
        return []
    return [base.name for base in names.bases(declared.scope, declared.node)]


def _methods(names: Names, classes: Mapping[str, Declared], name: str) -> Iterator[OwnMethod]:
    declared = classes.get(name)
    if declared is None or not isinstance(declared.node, Class):
        return
    for member in declared.node.members:
        if isinstance(member, Function) and not member.static and not member.template:
            yield own_method(
                names, Declared(scope=declared.scope.inside(name_of(name)), node=member)
            )
    for base in _bases(names, declared):
        yield from _methods(names, classes, base)


def name_of(name: str) -> str:
    """The last part of a qualified name."""
    return name.rpartition("::")[2]


def own_method(names: Names, declared: Declared) -> OwnMethod:
    """A method's declaration with its types resolved."""
    node = declared.node
    if not isinstance(node, Function):
        raise TypeError(node)
    parameters = ", ".join(" ".join(p.type.split()) for p in node.parameters)
    result = " ".join(node.result.split())
    return OwnMethod(
        place=Place(path=declared.scope.path, line=node.at[0], column=node.at[1]),
        owner="::".join(declared.scope.names),
        name=name_of(node.name),
        parameters=tuple(names.type(declared.scope, p.type) for p in node.parameters),
        const=node.const,
        result=names.type(declared.scope, node.result),
        override=node.override,
        virtual=node.virtual or node.override,
        pure=node.pure,
        text=f"{result} {node.name}({parameters}){' const' if node.const else ''}".strip(),
    )


def _place(declared: Declared) -> Place:
    at = declared.node.at
    return Place(path=declared.scope.path, line=at[0], column=at[1])
