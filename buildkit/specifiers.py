"""PEP 440 specifiers as a type that pydantic models can use."""

from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator


def _check(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError(
            f"{text!r} is not a PEP 440 specifier; expected something like '>=0.24,<1.0'"
        ) from None
    return text


Specifier = Annotated[str, AfterValidator(_check)]
"""A specifier's text, checked; the empty one matches every release."""
