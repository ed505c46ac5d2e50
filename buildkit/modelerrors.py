"""Pydantic's validation errors as messages for the person who wrote the file.

A message names file, table and key, says what was expected, and offers the nearest right name.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from buildkit.releases import did_you_mean

_KEY_ITSELF = "[key]"
"""Pydantic's last step to a table's key that is wrong itself."""

_EXPECTED = {
    "string_type": "expected a string",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "int_parsing": "expected a whole number",
    "float_parsing": "expected a number",
    "byte_size": 'expected a size such as "2GiB"',
    "byte_size_unit": 'expected a size such as "2GiB"',
    "missing": "is required",
}


def explain(error: ValidationError, model: type[BaseModel], *, file: str, raw: Any) -> str:
    """All that is wrong, one line each.

    ``raw`` is the value that was validated; tables of an array are named after their ``name``.
    """
    details = error.errors()
    places = [detail["loc"] for detail in details]

    def blames_a_part(place: tuple[int | str, ...]) -> bool:
        return any(len(p) > len(place) and p[: len(place)] == place for p in places)

    # A list that is left too short by its bad items says nothing beyond what the items say.
    lines = [_line(d, model, file, raw) for d in details if not blames_a_part(d["loc"])]
    return "\n".join(dict.fromkeys(lines))


def _line(detail: ErrorDetails, model: type[BaseModel], file: str, raw: Any) -> str:
    location = detail["loc"]
    table, key = _place(location, raw)
    where = f"{file}: {table}" if table else file
    if detail["type"] == "extra_forbidden":
        known = _known_keys(location[:-1], model)
        hint = did_you_mean(str(location[-1]), known)
        allowed = f"; allowed here: {', '.join(sorted(known))}" if not hint else ""
        return f"{where}: unknown key {key!r}{hint}{allowed}"
    if detail["type"] in {"value_error", "assertion_error"}:
        what = str(detail["ctx"]["error"]) if "ctx" in detail else detail["msg"]
    elif detail["type"] in {"literal_error", "enum"}:
        expected = detail["ctx"]["expected"]
        what = f"expected {expected}, not {detail['input']!r}"
        if isinstance(detail["input"], str):
            words = [word for word in expected.split("'") if word not in {", ", " or ", ""}]
            what += did_you_mean(detail["input"], words)
    elif detail["type"] == "string_pattern_mismatch":
        what = f"{detail['input']!r} does not have the form {detail['ctx']['pattern']}"
    elif detail["type"] == "too_short" and not detail["input"]:
        what = "must not be empty"
    elif detail["type"] in _EXPECTED:
        what = _EXPECTED[detail["type"]]
        if detail["type"] != "missing":
            what += f", not {detail['input']!r}"
    else:
        what = detail["msg"][:1].lower() + detail["msg"][1:]
        if not isinstance(detail["input"], Mapping):
            what += f" (found {detail['input']!r})"
    return f"{where}: key {key!r}: {what}" if key else f"{where}: {what}"


def _place(location: tuple[int | str, ...], raw: Any) -> tuple[str, str]:
    """Split an error's location into a table as TOML writes it and a key in it."""
    table = ""
    keys: list[str] = []
    value = raw
    for step in location:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
            if isinstance(value, dict):
                name = value.get("name") or value.get("match")
                label = f"{step + 1}" if name is None else f"{step + 1} ({name})"
                table = f"[[{'.'.join(keys)}]] {label}"
                keys = []
            elif keys:
                keys[-1] += f"[{step}]"
        elif step != _KEY_ITSELF:
            keys.append(step)
            value = value.get(step) if isinstance(value, dict) else None
    if len(keys) > 1 and not table:
        table, keys = f"[{'.'.join(keys[:-1])}]", keys[-1:]
    return table, ".".join(keys)


def _known_keys(location: Iterable[int | str], model: type[BaseModel]) -> list[str]:
    """The keys allowed in the table at ``location``."""
    for step in location:
        if isinstance(step, int):
            continue
        annotation = next(
            (f.annotation for name, f in model.model_fields.items() if step in {name, f.alias}),
            None,
        )
        inner = _model_in(annotation)
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
