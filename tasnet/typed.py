"""Plain data, such as JSON from a file, checked and converted by a dataclass's type hints, with msgspec."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def json_lines(text: str) -> list[Any]:
    """What the lines of `text` hold up to the first that is not whole: one still being written, or cut by an end."""
    records = []
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError):  # of what is nested too deeply
            break
    return records


def fitted(name: str, value: object, hint: Any) -> Any:
    """`value` as the type `hint`: a list becomes a tuple and a whole number a float where the hint says so.

    Bounds are part of the hint, as in `Annotated[float, msgspec.Meta(ge=0)]`; NaN is outside of any. Raises ValueError,
    which calls the value `name`, for anything else: a boolean is not a number, and text is never parsed as one.
    """
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        raise ValueError(f"{name} cannot be {value!r:.60}") from None


def from_plain(kind: type[T], values: object) -> T:
    """The dataclass `kind` with these `values` of its fields. Raises ValueError naming the first that is not right.

    >>> from tasnet.train.state import Counters
    >>> from_plain(Counters, {"step": 3, "best": 12}).best
    12.0
    >>> from_plain(Counters, {"stop": 3})
    Traceback (most recent call last):
        ...
    ValueError: nothing is called 'stop'
    >>> from_plain(Counters, {"step": "3"})
    Traceback (most recent call last):
        ...
    ValueError: step cannot be '3'
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"these values have no names: {values!r:.60}")
    hints = _hints(kind)
    if unknown := [name for name in values if name not in hints]:
        raise ValueError(f"nothing is called {unknown[0]!r:.60}")
    known = {name: fitted(name, value, hints[name]) for name, value in values.items()}
    if missing := [field.name for field in fields(kind) if field.name not in known and _needed(field)]:
        raise ValueError(f"{missing[0]} is missing")
    return kind(**known)


def check_types(one: object) -> None:
    """Raises ValueError where a field of the dataclass `one` is not what its type hint says."""
    for name, hint in _hints(type(one)).items():
        fitted(name, getattr(one, name), hint)


def _needed(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}
