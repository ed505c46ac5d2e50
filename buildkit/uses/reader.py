"""Reads C++ with tree-sitter into :mod:`buildkit.uses.syntax`.

Declarations of the same text at the same place, as most are in a file's variants for different
releases, are read once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from tree_sitter import Node

from buildkit.cpp.parser import parse
from buildkit.uses.declarators import at, declared, function_declarator, parameters, text_of
from buildkit.uses.expressions import Bodies
from buildkit.uses.syntax import (
    Alias,
    Block,
    Class,
    Declaration,
    Enumeration,
    Function,
    Include,
    Namespace,
    Unit,
    Using,
)
from buildkit.uses.text import prepare

_WORD = re.compile(r"[^\W\d]\w*")
_CLASSES = frozenset({"class_specifier", "struct_specifier", "union_specifier"})
_HOLLOW = frozenset({"linkage_specification", "declaration_list"})


class Reader:
    """Reads files. Remembers what it has read."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, int, bytes], tuple[Declaration, ...]] = {}
        self._units: dict[tuple[str, str, tuple[tuple[str, str], ...]], Unit] = {}

    def read(self, path: str, text: str, macros: Mapping[str, str]) -> Unit:
        """The file as C++; what is no C++ to the parser is left out of it."""
        key = (path, text, tuple(sorted(macros.items())))
        if key not in self._units:
            # What is no UTF-8 was read so that it can be written back; the parser skips it.
            data = prepare(text, macros).encode(errors="surrogateescape")
            root = parse(data).root_node
            members = tuple(self._all(path, root.named_children))
            self._units[key] = Unit(path=path, members=members, whole=not root.has_error)
        return self._units[key]

    def _all(self, path: str, nodes: Iterable[Node]) -> Iterator[Declaration]:
        for node in nodes:
            type_ = node.type
            if type_ == "namespace_definition":
                body = node.child_by_field_name("body")
                name = text_of(node.child_by_field_name("name"))
                members = tuple(self._all(path, body.named_children)) if body else ()
                yield Namespace(at=at(node), name=name, members=members)
            elif type_ in _HOLLOW:
                body = node.child_by_field_name("body")
                yield from self._all(path, [body] if body else node.named_children)
            else:
                key = (path, node.start_point.row, node.text or b"")
                if key not in self._read:
                    self._read[key] = tuple(declarations(node))
                yield from self._read[key]


def declarations(node: Node, *, template: bool = False) -> Iterator[Declaration]:
    """What one node at namespace or class level, or in a function, declares."""
    read = _READERS.get(node.type)
    if read is not None:
        yield from read(node)
    elif node.type == "template_declaration":
        for child in node.named_children:
            yield from declarations(child, template=True)
    elif node.type in _CLASSES:
        if node.child_by_field_name("body") is not None:
            yield _class(node, template=template)
    elif node.type == "function_definition":
        yield from _functions(node, node.child_by_field_name("declarator"), template=template)
    elif node.type in {"declaration", "field_declaration"}:
        yield from _inner(node)
        for declarator in node.children_by_field_name("declarator"):
            yield from _declaration(node, declarator, template=template)


def _include(node: Node) -> Iterator[Declaration]:
    yield Include(at=at(node), path=text_of(node.child_by_field_name("path")).strip('<>"'))


def _enumeration(node: Node) -> Iterator[Declaration]:
    body = node.child_by_field_name("body")
    if body is not None:
        values = (child.child_by_field_name("name") for child in body.named_children)
        yield Enumeration(
            at=at(node),
            name=text_of(node.child_by_field_name("name")),
            values=tuple(text_of(value) for value in values if value is not None),
        )


def _typedef(node: Node) -> Iterator[Declaration]:
    yield from _inner(node)
    for declarator in node.children_by_field_name("declarator"):
        # What is made of functions and arrays is no type of Mesos's.
        if declarator.type in {"type_identifier", "pointer_declarator", "reference_declarator"}:
            type_, name = declared(node, declarator)
            yield Alias(at=at(node), name=name, type=type_)


def _alias(node: Node) -> Iterator[Declaration]:
    yield Alias(
        at=at(node),
        name=text_of(node.child_by_field_name("name")),
        type=text_of(node.child_by_field_name("type")),
    )


def _using(node: Node) -> Iterator[Declaration]:
    namespace = any(child.type == "namespace" for child in node.children)
    yield Using(at=at(node), target=text_of(node.named_children[-1]), namespace=namespace)


def _namespace_alias(node: Node) -> Iterator[Declaration]:
    name, target = node.named_children[0], node.named_children[-1]
    yield Using(at=at(node), target=text_of(target), namespace=True, name=text_of(name))


_READERS: dict[str, Callable[[Node], Iterator[Declaration]]] = {
    "preproc_include": _include,
    "enum_specifier": _enumeration,
    "type_definition": _typedef,
    "alias_declaration": _alias,
    "using_declaration": _using,
    "namespace_alias_definition": _namespace_alias,
}


def _inner(node: Node) -> Iterator[Declaration]:
    """A class or an enum that is defined in a declaration's own type."""
    type_ = node.child_by_field_name("type")
    if type_ is not None and type_.type in _CLASSES | {"enum_specifier"}:
        yield from declarations(type_)


def _class(node: Node, *, template: bool) -> Class:
    body = node.child_by_field_name("body")
    bases = [
        text_of(base)
        for child in node.children
        if child.type == "base_class_clause"
        for base in child.named_children
        if base.type in {"type_identifier", "qualified_identifier", "template_type"}
    ]
    members: list[Declaration] = []
    for child in body.named_children if body is not None else ():
        members += declarations(child)
    return Class(
        at=at(node),
        name=text_of(node.child_by_field_name("name")),
        bases=tuple(bases),
        members=tuple(members),
        template=template,
    )


def _declaration(node: Node, declarator: Node, *, template: bool) -> Iterator[Declaration]:
    bodies = Bodies(declarations)
    if function_declarator(declarator) is None:
        yield bodies.variable(node, declarator)
        return
    yield from _functions(node, declarator, template=template)
    # `Type name(a, b);` may as well be a variable with arguments.
    variable = bodies.constructed(node, declarator) if node.type == "declaration" else None
    if variable is not None and variable.type:
        yield variable


def _functions(node: Node, declarator: Node | None, *, template: bool) -> Iterator[Function]:
    function = function_declarator(declarator)
    if function is None:
        return
    result, spelled = declared(node, declarator)
    # An operator's name may have a space in it.
    name = "".join(spelled.split())
    body = node.child_by_field_name("body")
    kinds = {child.type for child in node.children}
    marks = {child.type: child for child in function.named_children}
    trailing = marks.get("trailing_return_type")
    if trailing is not None and trailing.named_children:
        result = text_of(trailing.named_children[-1])
    yield Function(
        at=at(function.child_by_field_name("declarator") or node),
        name=name,
        result=result,
        parameters=parameters(function),
        const=text_of(marks.get("type_qualifier")) == "const",
        virtual="virtual" in kinds,
        override="virtual_specifier" in marks,
        static=any(
            text_of(c) == "static" for c in node.children if c.type == "storage_class_specifier"
        ),
        pure="pure_virtual_clause" in kinds
        or text_of(node.child_by_field_name("default_value")) == "0",
        template=template,
        defined=body is not None
        or not kinds.isdisjoint({"default_method_clause", "delete_method_clause", "try_statement"}),
        body=None if body is None else _body(node, body),
        words=frozenset() if body is None else frozenset(_WORD.findall(text_of(body))),
    )


def _body(node: Node, body: Node) -> Block:
    """A function's body, with what a constructor gives its members in front."""
    bodies = Bodies(declarations)
    given = [
        bodies.arguments(part)
        for child in node.children
        if child.type == "field_initializer_list"
        for initializer in child.named_children
        for part in initializer.named_children
        if part.type in {"argument_list", "initializer_list"}
    ]
    block = bodies.block(body)
    return Block(at=block.at, parts=(*(one for part in given for one in part), *block.parts))
