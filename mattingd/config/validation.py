"""Fills a declared dataclass from plain values and finds every mistake at once.

pydantic reports *where* a value is wrong; `messages` says what is allowed. So that no mistake hides another,
a wrong value is replaced by its default or a placeholder and the rest is checked again.
"""

import json
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from mattingd.config.messages import (
    Loc,
    Problem,
    allowed,
    declared,
    is_block,
    known,
    place,
    required_of,
    settings_of,
    shown,
)
from mattingd.domain.presets import Preset

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""No unknown keys, no ``"3"`` for 3, no ``yes`` for 1, no infinity."""


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """A dataclass that is filled from plain values."""

    type: type[T]
    """The dataclass."""
    adapter: TypeAdapter[list[T]]
    """For a list of it: pydantic applies ``STRICT`` to a plain dataclass only inside another type."""

    def check(self, raw: dict[str, Any]) -> tuple[T, list[Problem]]:
        """Return the dataclass made of ``raw``, and problems; with problems some values are placeholders."""
        found: dict[Loc, Problem] = {}
        while True:
            text = json.dumps([raw])
            try:
                return self.adapter.validate_json(text)[0], list(found.values())
            except ValidationError as error:
                raw = json.loads(text)[0]
                for loc, item in _wrong(error, raw).items():
                    if not _is_empty_block(self.type, raw, loc):
                        # A required value that was wrong is missing the next time: the first message counts.
                        found.setdefault(loc, Problem(loc, _told(self.type, raw, loc, item)))
                    _mend(self.type, raw, loc)


def _wrong(error: ValidationError, raw: Any) -> dict[Loc, Any]:
    """Return each wrong location once, without those that contain another one.

    For a union pydantic appends the name of each type to the location: that part is cut off.
    """
    wrong: dict[Loc, Any] = {}
    for item in error.errors(include_url=False):
        loc = item["loc"][1:]
        wrong.setdefault(loc if item["type"] == "missing" else _existing(raw, loc), item)
    around = {loc[:depth] for loc in wrong for depth in range(len(loc))}
    return {loc: item for loc, item in wrong.items() if loc not in around}


def _existing(raw: Any, loc: Loc) -> Loc:
    """Return the longest beginning of ``loc`` that exists in ``raw``."""
    for depth, part in enumerate(loc):
        try:
            raw = raw[part]
        except (LookupError, TypeError):
            return loc[:depth]
    return loc


def _at(raw: Any, loc: Loc) -> Any:
    return reduce(lambda value, part: value[part], loc, raw)


def _is_empty_block(shape: object, raw: Any, loc: Loc) -> bool:
    """Whether a block is empty, such as ``watch:`` with all its lines commented out: all defaults."""
    return (
        _existing(raw, loc) == loc
        and _at(raw, loc) is None
        and isinstance(loc[-1], str)
        and loc[-1] in settings_of(declared(shape, loc[:-1]))
        and is_block(declared(shape, loc))
    )


def _told(shape: object, raw: Any, loc: Loc, item: Any) -> str:
    """Return what is wrong at ``loc`` and what is allowed."""
    match item["type"]:
        case "unexpected_keyword_argument":
            inside = settings_of(declared(shape, loc[:-1]))
            if "settings" in inside and loc[-1] in {each.name for each in fields(Preset)}:
                return f"is a setting of the preset: put it under {place((*loc[:-1], 'settings'))}"
            return f"there is no such setting; {known(settings_of(declared(shape, loc[:-1])), str(loc[-1]))}"
        case "missing":
            return f"is missing; must be {allowed(declared(shape, loc))}"
        case "value_error":
            return str(item["ctx"]["error"])
        case _:
            return f"must be {allowed(declared(shape, loc))}, not {shown(_at(raw, loc))}"


def _mend(shape: object, raw: Any, loc: Loc) -> None:
    """Remove the wrong value at ``loc`` from ``raw``, or put a placeholder where one is required."""
    holder, last = _at(raw, loc[:-1]), loc[-1]
    if isinstance(holder, dict) and last in holder:
        del holder[last]
    else:
        holder[last] = _stand_in(declared(shape, loc), loc)


def _stand_in(shape: object, loc: Loc) -> Any:
    """Return a valid value for a required list, block or path (nothing else is required); paths differ."""
    if allowed(shape).startswith("a list"):
        return [_stand_in(declared(shape, (0,)), (*loc, 0))]
    if is_block(shape):
        return {name: _stand_in(declared(shape, (name,)), (*loc, name)) for name in required_of(shape)}
    return f"/{place(loc)}"
