"""The one parser for C++'s grammar, tree-sitter's. Pure."""

from functools import cache

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

_CPP = Language(tree_sitter_cpp.language())


@cache
def _parser() -> Parser:
    return Parser(_CPP)


@cache
def _query(pattern: str) -> Query:
    return Query(_CPP, pattern)


def parse(data: bytes) -> Tree:
    """The syntax tree of some C++, with ERROR nodes where it is none."""
    return _parser().parse(data)


def nodes(tree: Tree, *types: str) -> list[Node]:
    """All nodes of some types, also those in ERROR nodes, in the text's order."""
    pattern = "[" + "".join(f"({name})" for name in types) + "] @found"
    found = QueryCursor(_query(pattern)).captures(tree.root_node).get("found", [])
    return sorted(found, key=lambda node: node.start_byte)
