"""Words for a mistake in the configuration: its location, what is allowed, what was probably meant.

The allowed values come from the declared type, so messages and the example file cannot differ from the check.
"""

import difflib
import types
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import DocInfo, Ge, Gt, Le

Loc = tuple[str | int, ...]
"""Location of a value: keys and list indices from the top, such as ``("hot_folders", 0, "preset")``."""

_LONGEST = 60
_BLOCK = "a block of settings"
_PLAIN: tuple[tuple[object, str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (type(None), "null"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    loc: Loc
    """Its location; empty for the whole file."""
    text: str
    """What is wrong and what is allowed."""
    line: int | None = None
    """Line in the file, from 1, where the location is not enough."""


def place(loc: Loc) -> str:
    """Return a location as text: ``("hot_folders", 0, "preset")`` is ``hot_folders[0].preset``."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part.replace("-", "_").isidentifier() else shown(part))
    return text


def shown(value: object) -> str:
    """Return a value for use within one line: quoted, escaped, shortened when long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return _BLOCK if isinstance(value, dict) else "a list" if value else "an empty one"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def known(words: Iterable[str], instead_of: str) -> str:
    """Return ``known: a, b, c``, with ``did you mean 'b'?`` if one of them is similar."""
    choice = sorted(words)
    near = difflib.get_close_matches(instead_of, choice, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"known: {', '.join(choice)}{hint}"


def declared(shape: object, loc: Sequence[str | int]) -> object:
    """Return the type at ``loc`` inside ``shape``, a dataclass, tuple or dict, ``Annotated`` or not."""
    for part in loc:
        inner = _bare(shape)
        if isinstance(inner, type) and is_dataclass(inner):
            shape = get_type_hints(inner, include_extras=True)[str(part)]
        else:
            shape = get_args(inner)[1 if get_origin(inner) is dict else 0]
    return shape


def settings_of(shape: object) -> list[str]:
    """Return the names that a block of type ``shape`` may have; empty if any name is allowed."""
    inner = _bare(shape)
    return [item.name for item in fields(inner)] if isinstance(inner, type) and is_dataclass(inner) else []


def required_of(shape: object) -> list[str]:
    """Return those of ``settings_of(shape)`` without a default."""
    inner = _bare(shape)
    own = fields(inner) if isinstance(inner, type) and is_dataclass(inner) else ()
    return [item.name for item in own if item.default is MISSING and item.default_factory is MISSING]


def allowed(shape: object) -> str:
    """Return what a value of type ``shape`` may be, as the continuation of *must be*."""
    if get_origin(shape) is Annotated:
        bare, *marks = get_args(shape)
        said = [mark.documentation for mark in marks if isinstance(mark, DocInfo)]
        return said[0] if said else allowed(bare) + _bounds(marks)
    if get_origin(shape) in (Union, types.UnionType):
        return " or ".join(allowed(each) for each in get_args(shape))
    if get_origin(shape) is Literal:
        *first, last = map(str, get_args(shape))
        return f"{', '.join(first)} or {last}" if first else last
    if get_origin(shape) is tuple:
        return "a list"
    return next((words for plain, words in _PLAIN if plain is shape), _BLOCK)


def is_block(shape: object) -> bool:
    """Whether a value of this type is written as a block of keys and values."""
    return allowed(shape) == _BLOCK


def _bare(shape: object) -> object:
    """Return the type inside ``Annotated``."""
    return get_args(shape)[0] if get_origin(shape) is Annotated else shape


def _bounds(marks: list[object]) -> str:
    """Return the lower and upper bound of a number in words."""
    low = next((f"{mark.ge}" for mark in marks if isinstance(mark, Ge)), None)
    above = next((f"{mark.gt}" for mark in marks if isinstance(mark, Gt)), None)
    high = next((f"{mark.le}" for mark in marks if isinstance(mark, Le)), None)
    if low is not None:
        return f" from {low} to {high}" if high is not None else f" of at least {low}"
    if above is not None:
        return f" above {above}" + (f", at most {high}" if high is not None else "")
    return f" of at most {high}" if high is not None else ""
