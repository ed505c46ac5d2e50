"""Whether a method of the module is one of an interface's, as the compiler would see it. Pure."""

from buildkit.interfaces import Method
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import OwnMethod
from buildkit.uses.names import Names, Scope
from buildkit.uses.types import Type

# Spelled otherwise, and the same type.
_SAME = {
    "size_t": "unsigned long",
    "int32": "int",
    "int32_t": "int",
    "uint32": "unsigned int",
    "uint32_t": "unsigned int",
    "unsigned": "unsigned int",
    "int64_t": "int64",
    "uint64_t": "uint64",
}


class Matching:
    """Compares types and methods across namespaces."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._table = Names((), catalogue)
        self._types: dict[tuple[str, str], Type] = {}

    def overrides(self, own: OwnMethod, method: Method, interface: str) -> bool:
        """Whether name, parameters and constness are those of a method of ``interface``.

        ``interface`` is the fully qualified name of its class.
        """
        return (
            own.name == method.name
            and own.const == method.const
            and len(own.parameters) == len(method.parameters)
            and all(
                self.same(mine, self.spelled(theirs.type, interface), parameter=True)
                for mine, theirs in zip(own.parameters, method.parameters, strict=True)
            )
        )

    def gives(self, own: OwnMethod, method: Method, interface: str) -> bool:
        """Whether it gives what the interface's method does."""
        return self.same(own.result, self.spelled(method.returns, interface))

    def spelled(self, text: str, interface: str) -> Type:
        """A type as the table spells it inside a class of this fully qualified name."""
        key = (text, interface)
        if key not in self._types:
            scope = Scope(path="", names=tuple(interface.split("::")))
            self._types[key] = self._table.type(scope, text)
        return self._types[key]

    def same(self, one: Type, other: Type, *, parameter: bool = False) -> bool:
        """Whether two types are the same; if one of them is of an unknown name, they may be."""
        if one.pointers != other.pointers or one.reference != other.reference:
            return self._is_unknown(one) or self._is_unknown(other)
        by_value = parameter and not one.reference and not one.pointers
        if one.const != other.const and not by_value:
            return False
        if not self._same_name(one, other):
            return False
        if not one.arguments or not other.arguments:
            # A template without arguments is one that could not be read to its end.
            return len(one.arguments) == len(other.arguments) or self._is_unknown(one)
        # Allocators and comparisons come after what is compared.
        return all(self.same(a, b) for a, b in zip(one.arguments, other.arguments, strict=False))

    def _same_name(self, one: Type, other: Type) -> bool:
        if one.name == other.name:
            return True
        if one.name in self._catalogue.entities and other.name in self._catalogue.entities:
            return False
        mine, theirs = _SAME.get(one.last, one.last), _SAME.get(other.last, other.last)
        return mine == theirs or self._is_unknown(one) or self._is_unknown(other)

    def _is_unknown(self, type_: Type) -> bool:
        """Whether the name is one that no signature of the table has, so it may be anything."""
        return not type_.name or (
            type_.last not in self._catalogue.words and type_.last not in _PLAIN
        )


_PLAIN = frozenset(
    {
        *("void", "bool", "int", "char", "double", "float", "long", "short", "unsigned int"),
        *("unsigned long", "list", "vector", "set", "map", "string", "deque", "pair", "Option"),
        *("Try", "Result", "Future", "Owned", "Shared", "Nothing", "hashmap", "hashset", "pid_t"),
        *("size_t", "unsigned"),
    }
)
