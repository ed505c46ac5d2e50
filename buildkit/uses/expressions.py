"""Reads the bodies of functions: statements and expressions."""

from collections.abc import Callable, Iterator, Sequence

from tree_sitter import Node

from buildkit.uses.declarators import at, declared, initial, parameters, text_of
from buildkit.uses.syntax import (
    Block,
    Call,
    Declaration,
    Element,
    Expression,
    Lambda,
    Loop,
    Make,
    Member,
    Name,
    Other,
    Return,
    Same,
    Statement,
    Variable,
)

_CASTS = frozenset({"static_cast", "dynamic_cast", "const_cast", "reinterpret_cast"})
_DECLARATIONS = frozenset(
    {
        *("type_definition", "alias_declaration", "using_declaration", "enum_specifier"),
        *("namespace_alias_definition", "class_specifier", "struct_specifier"),
    }
)
_IGNORED = frozenset(
    {
        *("number_literal", "string_literal", "char_literal", "raw_string_literal", "true"),
        *("false", "null", "nullptr", "comment", "concatenated_string", "type_descriptor"),
        *("lambda_capture_specifier", "break_statement", "continue_statement", "parameter_list"),
    }
)
_TYPED = frozenset({"template_function", "primitive_type", "template_type"})


class Bodies:
    """Reads bodies; ``declarations`` reads the classes and aliases that are declared in them."""

    def __init__(self, declarations: Callable[[Node], Iterator[Declaration]]) -> None:
        self._declarations = declarations
        self._readers: dict[str, Callable[[Node], Expression]] = {
            "identifier": _name,
            "qualified_identifier": _name,
            "field_identifier": _name,
            "this": _name,
            "call_expression": self._call,
            "field_expression": self._member,
            "new_expression": self._new,
            "compound_literal_expression": self._made,
            "cast_expression": self._made,
            "template_function": self._made,
            "subscript_expression": self._element,
            "pointer_expression": self._pointer,
            "parenthesized_expression": self._same,
            "assignment_expression": self._same,
            "conditional_expression": self._conditional,
            "lambda_expression": self._lambda,
        }

    # --- statements

    def block(self, node: Node | None) -> Block:
        """A body, or any statement as one."""
        if node is None:
            return Block(at=(1, 1), parts=())
        return Block(at=at(node), parts=tuple(self._parts(node.named_children)))

    def _parts(self, nodes: Sequence[Node]) -> Iterator[Expression | Statement]:
        for node in nodes:
            yield from self._part(node)

    def _part(self, node: Node) -> Iterator[Expression | Statement]:
        kind = node.type
        if kind in _IGNORED:
            return
        if kind in _DECLARATIONS:
            yield from self._declarations(node)
        elif kind == "declaration":
            yield from self._variables(node)
        elif kind == "for_range_loop":
            yield self._loop(node)
        elif kind == "return_statement":
            values = self.arguments(node)
            yield Return(at=at(node), value=values[0] if values else None)
        elif kind in {"expression_statement", "condition_clause"}:
            yield from self._parts(node.named_children)
        elif kind == "catch_clause":
            caught = [Variable(at=p.at, type=p.type, name=p.name) for p in parameters(node)]
            yield Block(at=at(node), parts=(*caught, *self._parts(node.named_children)))
        elif kind.endswith("_statement"):
            yield self.block(node)
        else:
            yield self.expression(node)

    def _variables(self, node: Node) -> Iterator[Variable]:
        for declarator in node.children_by_field_name("declarator"):
            # In a function's body nobody declares another one: it is a variable with arguments.
            yield self.constructed(node, declarator) or self.variable(node, declarator)

    def variable(self, node: Node, declarator: Node) -> Variable:
        """A variable that does not look like a function's declaration."""
        type_, name = declared(node, declarator)
        value = initial(node, declarator)
        begins: Expression | None
        if value is None:
            begins = None
        elif value.type in {"argument_list", "initializer_list"}:
            begins = Make(at=at(value), type=type_, arguments=self.arguments(value))
        else:
            begins = self.expression(value)
        return Variable(at=at(node), type=type_, name=name, value=begins)

    def constructed(self, node: Node, declarator: Node) -> Variable | None:
        """What reads as a function with unnamed parameters, as the variable that it may be."""
        if declarator.type != "function_declarator":
            return None
        name = declarator.child_by_field_name("declarator")
        given = parameters(declarator)
        if name is None or name.type != "identifier" or any(p.name for p in given):
            return None
        type_, text = declared(node, declarator)
        arguments = tuple(Name(at=p.at, text=p.type) for p in given)
        value = Make(at=at(node), type=type_, arguments=arguments)
        return Variable(at=at(node), type=type_, name=text, value=value)

    def _loop(self, node: Node) -> Loop:
        type_, name = declared(node, node.child_by_field_name("declarator"))
        over = node.child_by_field_name("right")
        body = node.child_by_field_name("body")
        return Loop(
            at=at(node),
            type=type_,
            name=name,
            range=self._inner(over),
            body=Block(at=at(node), parts=() if body is None else tuple(self._part(body))),
        )

    # --- expressions

    def arguments(self, node: Node | None) -> tuple[Expression, ...]:
        """Of an argument list, one for each."""
        listed = () if node is None else node.named_children
        return tuple(self.expression(child) for child in listed if child.type != "comment")

    def expression(self, node: Node) -> Expression:
        """Any expression; one that is none of interest for the parts of it that may be."""
        read = self._readers.get(node.type)
        if read is not None:
            return read(node)
        return Other(at=at(node), parts=tuple(self._parts(node.named_children)))

    def _inner(self, node: Node | None) -> Expression:
        return Other(at=(1, 1), parts=()) if node is None else self.expression(node)

    def _member(self, node: Node) -> Expression:
        field = node.child_by_field_name("field") or node
        operator = node.child_by_field_name("operator")
        return Member(
            at=at(field),
            object=self._inner(node.child_by_field_name("argument")),
            name=text_of(field),
            arrow=operator is not None and operator.type == "->",
        )

    def _new(self, node: Node) -> Expression:
        return Make(
            at=at(node),
            type=f"{text_of(node.child_by_field_name('type'))}*",
            arguments=self.arguments(node.child_by_field_name("arguments")),
            new=True,
        )

    def _made(self, node: Node) -> Expression:
        """``T{...}``, ``(T) value``, or a function template's name with its arguments."""
        type_ = node.child_by_field_name("type")
        value = node.child_by_field_name("value")
        listed = value is not None and value.type == "initializer_list"
        return Make(
            at=at(node),
            type=text_of(node if type_ is None else type_),
            arguments=self.arguments(value) if listed else (self._inner(value),),
        )

    def _element(self, node: Node) -> Expression:
        return Element(
            at=at(node),
            object=self._inner(node.child_by_field_name("argument")),
            arguments=self.arguments(node.child_by_field_name("indices")),
        )

    def _pointer(self, node: Node) -> Expression:
        value = self._inner(node.child_by_field_name("argument"))
        if node.children[0].type == "*":
            return Element(at=at(node), object=value, arguments=(), star=True)
        return Same(at=at(node), parts=(value,))

    def _same(self, node: Node) -> Expression:
        return Same(at=at(node), parts=self.arguments(node))

    def _conditional(self, node: Node) -> Expression:
        parts = self.arguments(node)
        return Same(at=at(node), parts=(*parts[1:], *parts[:1]))

    def _lambda(self, node: Node) -> Expression:
        declarator = node.child_by_field_name("declarator")
        return Lambda(
            at=at(node),
            parameters=() if declarator is None else parameters(declarator),
            body=self.block(node.child_by_field_name("body")),
        )

    def _call(self, node: Node) -> Expression:
        function = node.child_by_field_name("function")
        arguments = self.arguments(node.child_by_field_name("arguments"))
        if function is None:
            return Other(at=at(node), parts=arguments)
        name = text_of(function.child_by_field_name("name"))
        if function.type == "template_function" and name in _CASTS:
            types = function.child_by_field_name("arguments")
            return Make(at=at(node), type=text_of(types)[1:-1], arguments=arguments)
        if function.type in _TYPED or text_of(function).endswith(">"):
            return Make(at=at(node), type=text_of(function), arguments=arguments)
        return Call(at=at(node), function=self.expression(function), arguments=arguments)


def _name(node: Node) -> Expression:
    return Name(at=at(node), text=text_of(node))
