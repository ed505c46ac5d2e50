"""Finds what a module's code demands of Mesos, in one variant of its sources. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from buildkit.findings import Place
from buildkit.releases import Release
from buildkit.uses import standard
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import (
    Access,
    Construction,
    Conversion,
    Demand,
    Descriptor,
    Header,
    LooseAccess,
    MacroUse,
    MemberAccess,
    MethodCall,
    Named,
    Support,
)
from buildkit.uses.names import Declared, Names, Scope, locals_of
from buildkit.uses.syntax import (
    Alias,
    At,
    Block,
    Call,
    Class,
    Declaration,
    Element,
    Enumeration,
    Expression,
    Function,
    Include,
    Lambda,
    Loop,
    Make,
    Member,
    Name,
    Namespace,
    Other,
    Parameter,
    Return,
    Same,
    Statement,
    Using,
    Variable,
)
from buildkit.uses.types import Type, parse_type

_PROTOBUF = frozenset(
    {
        *("CopyFrom", "MergeFrom", "Clear", "Swap", "DebugString", "ShortDebugString", "ByteSize"),
        *("SerializeAsString", "SerializeToString", "IsInitialized", "ParseFromString", "New"),
        *("GetDescriptor", "GetReflection", "GetTypeName", "InitializationErrorString"),
    }
)


class UnknownName(NamedTuple):
    """A name without qualification that is neither the module's nor the table's, where it stands.

    Most are the standard library's; but it may also be one that another variant declares.
    """

    place: Place
    scope: Scope
    function: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A parameter that has a name which the function's body does not contain."""

    place: Place
    function: str
    """The function's full name."""
    parameters: int
    """How many the function has."""
    index: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Extract:
    """What one variant of a module says."""

    demands: tuple[Demand, ...]
    unknown: tuple[UnknownName, ...]
    unread: tuple[Unread, ...]
    locals: dict[str, frozenset[str]]
    """Names that each function declares, by the function's file and full name."""


class Extractor:
    """Walks one variant. ``releases`` are those that compile it."""

    def __init__(
        self,
        names: Names,
        catalogue: Catalogue,
        releases: Sequence[Release],
        macros: frozenset[str],
    ) -> None:
        self._names = names
        self._catalogue = catalogue
        self._releases = tuple(releases)
        self._macros = macros
        self._version_macros = {row.name for row in catalogue.table.macro_rows} - {"MESOS_VERSION"}
        self._features = {row.name for row in catalogue.table.feature_rows}
        self._demands: dict[Demand, None] = {}
        self._unknown: dict[UnknownName, None] = {}
        self._unread: list[Unread] = []
        self._locals: dict[str, frozenset[str]] = {}
        self._scope = Scope(path="")
        self._function = ""
        self._result: Type | None = None
        self._variables: list[dict[str, Type | None]] = []

    def extract(self) -> Extract:
        """All of it."""
        meeting = self._names.meeting_mesos()
        for unit in self._names.units:
            if unit.path in meeting:
                self._members(Scope(path=unit.path), unit.members)
        return Extract(
            demands=tuple(self._demands),
            unknown=tuple(self._unknown),
            unread=tuple(self._unread),
            locals=self._locals,
        )

    # --- declarations

    def _members(self, scope: Scope, members: Sequence[Declaration]) -> None:
        for node in members:
            self._scope = scope
            match node:
                case Namespace():
                    self._members(scope.inside(node.name), node.members)
                case Class():
                    for base in node.bases:
                        self._type(node.at, base)
                    self._members(scope.inside(node.name), node.members)
                case Variable():
                    self._global(node)
                case Function():
                    self._function_of(scope, node)
                case _:
                    self._mentioned(node)

    def _mentioned(self, node: Include | Using | Alias | Enumeration) -> None:
        """What a declaration without expressions asks for."""
        match node:
            case Include():
                if node.path in self._catalogue.headers:
                    self._add(Header(place=self._place(node.at), path=node.path))
            case Using():
                self._using(node)
            case Alias():
                self._type(node.at, node.type)
            case Enumeration():
                pass

    def _using(self, node: Using) -> None:
        if not node.namespace and node.target in self._catalogue.entities:
            self._add(Named(place=self._place(node.at), name=node.target))

    def _global(self, node: Variable) -> None:
        self._function = self._scope.qualified(node.name)
        type_ = self._type(node.at, node.type)
        if type_.last == "Module" and type_.arguments:
            self._add(Descriptor(place=self._place(node.at), type=type_.arguments[0].name))
        if node.value is not None:
            self._variables = [{}]
            self._value(node.value)
            self._variables = []

    def _function_of(self, scope: Scope, node: Function) -> None:
        owner, _, _ = node.name.rpartition("::")
        self._function = scope.qualified(node.name)
        # Names in a method that is defined outside its class are the class's first.
        self._scope = scope.inside(owner) if owner else scope
        self._result = self._type(node.at, node.result) if node.result else None
        variables = {p.name: self._type(p.at, p.type) for p in node.parameters}
        if node.body is None:
            return
        self._unread += self._unread_of(node)
        key = f"{scope.path}:{self._function}"
        names = {*variables, *locals_of(node.body.parts)} - {""}
        self._locals[key] = self._locals.get(key, frozenset()) | names
        self._variables = [dict(variables)]
        self._block(node.body)
        self._variables = []

    def _unread_of(self, node: Function) -> Iterator[Unread]:
        for index, parameter in enumerate(node.parameters):
            if parameter.name and parameter.name not in node.words:
                yield Unread(
                    place=self._place(parameter.at),
                    function=self._function,
                    parameters=len(node.parameters),
                    index=index,
                    name=parameter.name,
                )

    # --- statements

    def _block(self, block: Block) -> None:
        self._variables.append({})
        for part in block.parts:
            self._part(part)
        self._variables.pop()

    def _part(self, part: Expression | Statement) -> None:
        match part:
            case Block():
                self._block(part)
            case Variable():
                self._local(part)
            case Loop():
                self._loop(part)
            case Return():
                given = None if part.value is None else self._value(part.value)
                if given is not None and self._result is not None:
                    self._convert(part.at, given, self._result)
            case Alias():
                self._type(part.at, part.type)
                self._variables[-1][part.name] = None
            case Class() | Enumeration() | Function():
                self._variables[-1][part.name] = None
            case Using() | Include():
                self._mentioned(part)
            case Namespace():
                pass
            case _:
                self._value(part)

    def _local(self, node: Variable) -> None:
        given = None if node.value is None else self._value(node.value)
        if parse_type(node.type).name == "auto":
            declared = given
        else:
            declared = self._type(node.at, node.type)
            if given is not None:
                self._convert(node.at, given, declared)
        self._variables[-1][node.name] = declared

    def _loop(self, node: Loop) -> None:
        over = self._value(node.range)
        if parse_type(node.type).name == "auto":
            declared = None if over is None else standard.element(over)
        else:
            declared = self._type(node.at, node.type)
        self._variables.append({node.name: declared})
        self._block(node.body)
        self._variables.pop()

    def _convert(self, at: At, given: Type, wanted: Type) -> None:
        target = standard.core(wanted)
        own = self._names.own_class(given.name)
        if own is None or not given.pointers or not target.pointers:
            return
        if self._catalogue.interface(target.name) is not None:
            self._add(
                Conversion(
                    place=self._place(at),
                    own=given.name,
                    bases=self._names.interfaces(given.name),
                    interface=target.name,
                )
            )

    # --- expressions

    def _value(self, node: Expression) -> Type | None:
        found: Type | None = None
        match node:
            case Name():
                found = self._name(node)
            case Member():
                inner = self._value(node.object)
                self._support(node.at, inner, "arrow" if node.arrow else "")
                found = self._member(node.at, inner, node.name, None)
            case Call():
                found = self._call(node)
            case Make():
                found = self._make(node)
            case Element():
                found = self._element(node)
            case Same():
                found = next(iter(self._values(node.parts)), None)
            case Lambda():
                self._lambda(node)
            case Other():
                for part in node.parts:
                    self._part(part)
        return found

    def _element(self, node: Element) -> Type | None:
        self._values(node.arguments)
        inner = self._value(node.object)
        if inner is None:
            return None
        self._support(node.at, inner, "star" if node.star else "")
        return standard.pointed_at(inner) if node.star else standard.indexed(inner)

    def _values(self, nodes: Sequence[Expression]) -> list[Type | None]:
        return [self._value(node) for node in nodes]

    def _lambda(self, node: Lambda) -> None:
        result, self._result = self._result, None
        self._variables.append(self._parameters(node.parameters))
        self._block(node.body)
        self._variables.pop()
        self._result = result

    def _parameters(self, parameters: Sequence[Parameter]) -> dict[str, Type | None]:
        return {
            p.name: None if parse_type(p.type).name == "auto" else self._type(p.at, p.type)
            for p in parameters
        }

    def _name(self, node: Name) -> Type | None:
        text = node.text
        if text == "this":
            return self._this()
        for variables in reversed(self._variables):
            if text in variables:
                return variables[text]
        if text in self._version_macros:
            self._add(MacroUse(place=self._place(node.at), name=text))
            return None
        meaning = self._names.find(self._scope, text)
        if meaning is None:
            outer = text.rpartition("::")[0]
            if outer:
                self._type(node.at, outer)
            else:
                self._note_unknown(node.at, text)
            return None
        self._demand(node.at, meaning.name, text, certain=meaning.certain)
        for declared in self._names.own(meaning.name):
            if isinstance(declared.node, Variable):
                return self._names.type(declared.scope, declared.node.type)
        return None

    def _this(self) -> Type | None:
        names = self._scope.names
        for size in range(len(names), 0, -1):
            name = "::".join(names[:size])
            if self._names.own_class(name) is not None:
                return Type(name=name, pointers=1)
        return None

    def _call(self, node: Call) -> Type | None:
        match node.function:
            case Member():
                inner = self._value(node.function.object)
                self._values(node.arguments)
                function = node.function
                self._support(function.at, inner, "arrow" if function.arrow else function.name)
                return self._member(function.at, inner, function.name, len(node.arguments))
            case Name():
                return self._named_call(node, node.function)
            case _:
                self._values(node.arguments)
                return self._value(node.function)

    def _named_call(self, node: Call, function: Name) -> Type | None:
        types = self._values(node.arguments)
        name = function.text
        if types and standard.forwards(name):
            return types[0]
        if types and name in {"foreachkey", "foreachvalue"}:
            return _part_of_map(types[0], second=name == "foreachvalue")
        if any(name in variables for variables in self._variables):
            return None
        meaning = self._names.find(self._scope, name)
        if meaning is None:
            return self._unknown_call(function)
        self._demand(function.at, meaning.name, name, certain=meaning.certain)
        return self._result_of(meaning.name) or self._constructed(function)

    def _unknown_call(self, function: Name) -> Type | None:
        outer, _, last = function.text.rpartition("::")
        if not outer:
            self._note_unknown(function.at, function.text)
            return None
        type_ = self._type(function.at, outer)
        # Message::default_instance() is one of those.
        return type_ if last == "default_instance" else None

    def _constructed(self, function: Name) -> Type | None:
        type_ = self._names.type(self._scope, function.text)
        known = type_.name in self._catalogue.entities
        return type_ if known or self._names.own_class(type_.name) else None

    def _result_of(self, name: str) -> Type | None:
        """What the module's function of a full name gives, if all of that name give the same."""
        functions = [d for d in self._names.own(name) if isinstance(d.node, Function)]
        results = {self._result_type(d) for d in functions}
        return results.pop() if len(results) == 1 else None

    def _result_type(self, declared: Declared) -> Type | None:
        node = declared.node
        if not isinstance(node, Function) or not node.result or node.template:
            return None
        owner = node.name.rpartition("::")[0]
        return self._names.type(
            declared.scope.inside(owner) if owner else declared.scope, node.result
        )

    def _make(self, node: Make) -> Type | None:
        self._values(node.arguments)
        type_ = self._type(node.at, node.type)
        if node.new and self._catalogue.interface(type_.name) is not None:
            self._add(
                Construction(
                    place=self._place(node.at),
                    interface=type_.name,
                    arguments=len(node.arguments),
                )
            )
        type_ = standard.made(type_)
        known = (
            standard.is_known(type_)
            or type_.name in self._catalogue.entities
            or self._names.own_class(type_.name) is not None
        )
        return type_ if known else None

    def _support(self, at: At, type_: Type | None, what: str) -> None:
        """What is done with a value of stout's or libprocess's, if not every release has it."""
        what = {"getOrElse": "get_or_else"}.get(what, what)
        if type_ is None or type_.pointers or self._names.own(type_.name):
            return
        feature = f"{type_.last.lower()}_{what}"
        if what and feature in self._features:
            self._add(Support(place=self._place(at), feature=feature))

    # --- members

    def _member(self, at: At, type_: Type | None, name: str, arguments: int | None) -> Type | None:
        """The type of ``value.name``, or of its call with so many arguments."""
        if type_ is None:
            if arguments is not None and name in self._catalogue.accessor_owners:
                self._add(LooseAccess(place=self._place(at), accessor=name, arguments=arguments))
            return None
        onwards = standard.leads_on(type_, name)
        if onwards is not None:
            return self._member(at, onwards, name, arguments)
        if type_.name in self._catalogue.entities:
            return self._entity_member(at, type_.name, name, arguments)
        if self._names.own_class(type_.name) is not None:
            return self._own_member(type_.name, name)
        return standard.member(type_, name)

    def _entity_member(self, at: At, type_: str, name: str, arguments: int | None) -> Type | None:
        """Of something of the table."""
        if self._is_message(type_):
            return self._access(at, type_, name, arguments)
        struct = self._catalogue.struct(type_)
        if struct is not None:
            self._add_member(at, type_, name, called=arguments is not None)
            found = self._catalogue.member_type(struct, name)
            scope = Scope(path="", names=tuple(type_.split("::")))
            return None if found is None else self._names.type(scope, found)
        interface = self._catalogue.interface(type_)
        if interface is None:
            return None
        if arguments is not None:
            self._add(MethodCall(place=self._place(at), interface=type_, method=name))
        return self._interface_result(type_, interface, name)

    def _is_message(self, name: str) -> bool:
        """Of a name that is a message's in some releases and a struct's in others, here."""
        entities = self._catalogue.entities.get(name, ())
        here = [e for e in entities if any(e.holds(release) for release in self._releases)]
        return any(e.category == "message" for e in here or entities)

    def _access(self, at: At, message: str, name: str, arguments: int | None) -> Type | None:
        if arguments is None:
            if name in self._catalogue.members:
                self._add_member(at, message, name, called=False)
            return None
        known = name in self._catalogue.accessor_owners or name in self._catalogue.members
        if name in _PROTOBUF or not known:
            return None
        self._add(
            Access(place=self._place(at), message=message, accessor=name, arguments=arguments)
        )
        key = self._catalogue.message(message)
        if key is None:
            return None
        every = self._catalogue.accessors[key].get(name, ())
        fitting = [a for a in every if a.takes(arguments)] or list(every)
        # The type is that of the releases which compile this, should it differ.
        here = [a for a in fitting if any(a.field.holds(r) for r in self._releases)]
        chosen = next(iter(here or fitting), None)
        return None if chosen is None else self._catalogue.type_of(key, chosen)

    def _add_member(self, at: At, type_: str, name: str, *, called: bool) -> None:
        self._add(MemberAccess(place=self._place(at), type=type_, member=name, called=called))

    def _own_member(self, class_: str, name: str) -> Type | None:
        waiting = [class_]
        while waiting:
            current = waiting.pop()
            for declared in self._names.own(f"{current}::{name}"):
                if isinstance(declared.node, Variable):
                    return self._names.type(declared.scope, declared.node.type)
            if any(isinstance(d.node, Function) for d in self._names.own(f"{current}::{name}")):
                return self._result_of(f"{current}::{name}")
            own = self._names.own_class(current)
            if own is not None and isinstance(own.node, Class):
                waiting += [base.name for base in self._names.bases(own.scope, own.node)]
        return None

    def _interface_result(self, name: str, interface: str, method: str) -> Type | None:
        rows = self._catalogue.table.interfaces[interface].methods
        texts = {row.returns for row in rows if row.name == method}
        if len(texts) != 1:
            return None
        scope = Scope(path="", names=tuple(name.split("::")))
        return self._names.type(scope, texts.pop())

    # --- demands

    def _type(self, at: At, text: str) -> Type:
        """The type resolved, and demanded."""
        type_ = parse_type(text)
        for name in type_.names():
            if any(name in variables for variables in self._variables):
                # An alias or a class of the function's own.
                continue
            meaning = self._names.find(self._scope, name)
            if meaning is not None:
                self._demand(at, meaning.name, name, certain=meaning.certain)
            elif "::" not in name:
                self._note_unknown(at, name)
            else:
                self._demand_outer(at, name)
        return self._names.type(self._scope, type_)

    def _demand_outer(self, at: At, name: str) -> None:
        """Of ``Class::Inner`` with an Inner that nobody knows, the class."""
        meaning = self._names.find(self._scope, name.rpartition("::")[0])
        if meaning is not None:
            self._demand(at, meaning.name, name, certain=meaning.certain)

    def _demand(self, at: At, name: str, text: str, *, certain: bool) -> None:
        entities = self._catalogue.entities.get(name, ())
        if not entities or not certain or self._names.own(name):
            return
        # DEBUG and the like are macros' arguments more often than enum values.
        if entities[0].category == "value" and "::" not in text and "_" not in text:
            return
        self._add(Named(place=self._place(at), name=name))

    def _note_unknown(self, at: At, name: str) -> None:
        if name in self._macros or not name.isidentifier():
            return
        if self._names.is_visible(self._scope, name):
            return
        self._unknown[
            UnknownName(
                place=self._place(at), scope=self._scope, function=self._function, name=name
            )
        ] = None

    def _add(self, demand: Demand) -> None:
        self._demands[demand] = None

    def _place(self, at: At) -> Place:
        return Place(path=self._scope.path, line=at[0], column=at[1])


def _part_of_map(type_: Type | None, *, second: bool) -> Type | None:
    """A container of a map's keys or values."""
    if type_ is None or len(type_.arguments) <= second:
        return None
    return Type(name="std::vector", arguments=(type_.arguments[second],))
