"""Reads the declarators of C++: what is declared, and of which type."""

from tree_sitter import Node

from buildkit.uses.syntax import At, Parameter

_POINTERS = frozenset({"pointer_declarator", "abstract_pointer_declarator"})
_ARRAYS = frozenset({"array_declarator", "abstract_array_declarator"})
_REFERENCES = frozenset({"reference_declarator", "abstract_reference_declarator"})
_AROUND = frozenset({"init_declarator", "function_declarator", "parenthesized_declarator"})


def at(node: Node) -> At:
    """Where it begins; lines and columns are counted from 1."""
    return node.start_point.row + 1, node.start_point.column + 1


def text_of(node: Node | None) -> str:
    """Its text; empty for none."""
    return "" if node is None else (node.text or b"").decode(errors="replace")


def declared(node: Node, declarator: Node | None) -> tuple[str, str]:
    """Type and name of a declaration's declarator; an array counts as a pointer."""
    const = any(c.type == "type_qualifier" and text_of(c) == "const" for c in node.children)
    suffix = ""
    while declarator is not None:
        if declarator.type in _POINTERS | _ARRAYS:
            suffix += "*"
        elif declarator.type in _REFERENCES:
            suffix += declarator.children[0].type
        elif declarator.type not in _AROUND:
            break
        declarator = _inner(declarator)
    type_ = text_of(node.child_by_field_name("type"))
    return f"{'const ' if const else ''}{type_}{suffix}", text_of(declarator)


def initial(node: Node, declarator: Node) -> Node | None:
    """What a declared variable begins as."""
    if declarator.type == "init_declarator":
        return declarator.child_by_field_name("value")
    return node.child_by_field_name("default_value") or node.child_by_field_name("value")


def function_declarator(node: Node | None) -> Node | None:
    """The part of a declarator that makes it a function's; None if it is a variable's."""
    while node is not None and node.type != "function_declarator":
        if node.type not in {"pointer_declarator", "reference_declarator"}:
            return None
        node = _inner(node)
    name = None if node is None else node.child_by_field_name("declarator")
    # A pointer to a function is a variable.
    return None if name is None or name.type == "parenthesized_declarator" else node


def parameters(function: Node) -> tuple[Parameter, ...]:
    """Of a function declarator, or of a catch clause."""
    listed = function.child_by_field_name("parameters")
    found: list[Parameter] = []
    for node in listed.named_children if listed is not None else ():
        if node.type in {"parameter_declaration", "optional_parameter_declaration"}:
            type_, name = declared(node, node.child_by_field_name("declarator"))
            found.append(Parameter(at=at(node), type=type_, name=name))
    # f(void) takes nothing.
    return () if [p.type for p in found] == ["void"] else tuple(found)


def _inner(declarator: Node) -> Node | None:
    found = declarator.child_by_field_name("declarator")
    if found is not None:
        return found
    return next(
        (
            child
            for child in declarator.named_children
            if child.type.endswith(("declarator", "identifier", "_name"))
        ),
        None,
    )
