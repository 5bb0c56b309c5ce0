"""Plain values -> a declared shape, with every mistake found in one go.

pydantic says *where* a value is wrong; ``wording`` says what would be right. So that one mistake hides no
other, a wrong value makes way for its default or a stand-in and the rest is checked again. Knows no setting
by name.
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
    """A dataclass to be filled from plain values."""

    type: type[T]
    """The dataclass."""
    adapter: TypeAdapter[list[T]]
    """For a list of it: pydantic hands ``STRICT`` on to a plain dataclass only from something around it."""

    def check(self, raw: dict[str, Any]) -> tuple[T, list[Problem]]:
        """Build the dataclass from ``raw``. Where there are problems, some of its values are stand-ins."""
        found: dict[Loc, Problem] = {}
        while True:
            text = json.dumps([raw])
            try:
                return self.adapter.validate_json(text)[0], list(found.values())
            except ValidationError as error:
                raw = json.loads(text)[0]
                for loc, item in _wrong(error, raw).items():
                    if not _is_empty_block(self.type, raw, loc):
                        # A required value that was wrong is missing the next time: the first word counts.
                        found.setdefault(loc, Problem(loc, _told(self.type, raw, loc, item)))
                    _mend(self.type, raw, loc)


def _wrong(error: ValidationError, raw: Any) -> dict[Loc, Any]:
    """Each wrong place once, and what holds others never.

    Behind the place of a choice between types pydantic adds the name of each type: that part is cut off.
    """
    wrong: dict[Loc, Any] = {}
    for item in error.errors(include_url=False):
        loc = item["loc"][1:]
        wrong.setdefault(loc if item["type"] == "missing" else _existing(raw, loc), item)
    around = {loc[:depth] for loc in wrong for depth in range(len(loc))}
    return {loc: item for loc, item in wrong.items() if loc not in around}


def _existing(raw: Any, loc: Loc) -> Loc:
    """The longest beginning of ``loc`` that stands in ``raw``."""
    for depth, part in enumerate(loc):
        try:
            raw = raw[part]
        except (LookupError, TypeError):
            return loc[:depth]
    return loc


def _at(raw: Any, loc: Loc) -> Any:
    return reduce(lambda value, part: value[part], loc, raw)


def _is_empty_block(shape: object, raw: Any, loc: Loc) -> bool:
    """``watch:`` with every line below it commented out means all defaults, and is no mistake."""
    return (
        _existing(raw, loc) == loc
        and _at(raw, loc) is None
        and isinstance(loc[-1], str)
        and loc[-1] in settings_of(declared(shape, loc[:-1]))
        and is_block(declared(shape, loc))
    )


def _told(shape: object, raw: Any, loc: Loc, item: Any) -> str:
    """What is wrong at ``loc`` and what would be right."""
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
    """Take the wrong value at ``loc`` out of ``raw``, or put a stand-in where something is needed."""
    holder, last = _at(raw, loc[:-1]), loc[-1]
    if isinstance(holder, dict) and last in holder:
        del holder[last]
    else:
        holder[last] = _stand_in(declared(shape, loc), loc)


def _stand_in(shape: object, loc: Loc) -> Any:
    """A sound value for a required list, block or path (nothing else is required); each path is another."""
    if allowed(shape).startswith("a list"):
        return [_stand_in(declared(shape, (0,)), (*loc, 0))]
    if is_block(shape):
        return {name: _stand_in(declared(shape, (name,)), (*loc, name)) for name in required_of(shape)}
    return f"/{place(loc)}"
