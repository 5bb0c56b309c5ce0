"""Presets and what a hot folder changes in them -> finished recipes.

Knows presets and the blocks that the configuration file has for them; no folder, and of the disk only what a
background picture holds, which is a part of the recipe.
"""

import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mattingd.config.folder_checks import absolute
from mattingd.config.messages import Loc, Problem, known, place, shown
from mattingd.config.schema import AlsoEntry, FolderEntry, Further, safe_suffix
from mattingd.config.spelling import understood
from mattingd.config.validation import STRICT, Shape
from mattingd.domain.presets import (
    BUILT_IN,
    DEEP_FORMATS,
    DEFAULT,
    FINISHERS,
    SIZED_FORMATS,
    Pin,
    Preset,
    endings_of,
    recipe_hash,
)
from mattingd.domain.units import LONGEST_CANVAS, canvas_of
from mattingd.outputs.backgrounds import pinned

Changes = Mapping[str, Any]
"""Settings of a preset as the file has them, unchecked."""

WHOLE = frozenset({"second_pass", "own_alpha", "on_damage", "on_empty"})
"""Settings that are for a picture, not for one of its outputs: those of the hot folder's own preset hold."""
_PRESET = Shape(Preset, TypeAdapter(list[Preset], config=STRICT))
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FILE = re.compile(r"[^#\0][^\0]*[./][^\0]*|[./][^\0]+")
_ANY = Preset(background="#000000")
"""In place of a preset that there is not, so that the changes to it can be checked; any change suits it."""


def all_presets(own: Mapping[str, Changes], base: Path) -> tuple[dict[str, Preset], list[Problem]]:
    """The presets that come with the program and the team's ``own``, each made after the one it is ``like``.

    A preset that could not be made is among them all the same, so that its users are not blamed too. Paths
    in them go from ``base``.
    """
    presets = dict(BUILT_IN)
    waiting = {name: changes for name, changes in own.items() if name not in BUILT_IN}
    taken = "is a preset that comes with the program; choose another name"
    problems = [Problem(("presets", name), taken) for name in own if name in BUILT_IN]
    while ready := [name for name in waiting if _like(waiting[name]) in presets]:
        for name in ready:
            changes = waiting.pop(name)
            presets[name], wrong = _changed(presets[_like(changes)], changes, ("presets", name), base)
            problems += wrong
    for name, changes in waiting.items():
        problems += [*_astray(name, waiting, presets), *_changed(_ANY, changes, ("presets", name), base)[1]]
    return presets | dict.fromkeys(waiting, _ANY), problems


@dataclass(frozen=True, slots=True)
class Recipes:
    """What is made of the pictures of a hot folder."""

    first: Preset
    """By its own preset."""
    also: tuple[Further, ...]

    def hash(self, model: str) -> str:
        """Fingerprint of all of them and the model; see `mattingd.presets.recipe_hash`."""
        return recipe_hash(self.first, model, [each.recipe for each in self.also])


def recipes_of(
    entry: FolderEntry, presets: Mapping[str, Preset], loc: Loc, base: Path
) -> tuple[Recipes, list[Problem]]:
    """The recipes of the hot folder ``entry``, which stands at ``loc``; paths in them go from ``base``."""
    first, problems = _recipe(entry, presets, loc, base)
    taken = _folded(endings_of(first))
    further: list[Further] = []
    for index, also in enumerate(entry.also):
        here: Loc = (*loc, "also", index)
        recipe, wrong = _recipe(also, presets, here, base)
        suffix = f"_{also.preset}" if also.suffix is None else also.suffix
        mine = _folded(endings_of(recipe, suffix))
        problems += [*wrong, *_of_the_whole(also, loc, here), *_unusable(suffix, taken & mine, here)]
        taken |= mine
        further.append(Further(preset=also.preset, suffix=suffix, recipe=recipe))
    return Recipes(first, tuple(further)), problems


def _recipe(
    entry: FolderEntry | AlsoEntry, presets: Mapping[str, Preset], loc: Loc, base: Path
) -> tuple[Preset, list[Problem]]:
    preset, problems = _changed(presets.get(entry.preset, _ANY), entry.settings, (*loc, "settings"), base)
    if entry.preset not in presets:
        problems = [Problem((*loc, "preset"), _unknown(entry.preset, presets)), *problems]
    return pinned(preset), problems


def _of_the_whole(also: AlsoEntry, folder: Loc, loc: Loc) -> Iterator[Problem]:
    """Settings that no single output can have."""
    for name in sorted(WHOLE & also.settings.keys()):
        text = f"is for all outputs of a picture: put it into {place((*folder, 'settings'))}"
        yield Problem((*loc, "settings", name), text)


def _unusable(suffix: str, common: set[str], loc: Loc) -> Iterator[Problem]:
    """Why files cannot be told apart by this suffix."""
    try:
        safe_suffix(suffix)
    except ValueError as error:
        yield Problem(
            (*loc, "preset"), f"cannot lend its name as {shown(suffix)}, which {error}; add suffix:"
        )
    for ending in sorted(common):
        yield Problem(loc, f"files of another output end in {shown(ending)} too; give this one a suffix:")


def _folded(endings: Iterable[str]) -> set[str]:
    """As file systems see them that ignore case."""
    return {ending.casefold() for ending in endings}


def _like(changes: Changes) -> str:
    """The preset that ``changes`` start from."""
    like = changes.get("like")
    return DEFAULT if like is None else str(like)


def _astray(name: str, waiting: Mapping[str, Changes], presets: Mapping[str, Preset]) -> list[Problem]:
    """Why a preset could not be made; nothing where the fault is that of another one."""
    way = [name]
    while (like := _like(waiting[way[-1]])) in waiting and like not in way:
        way.append(like)
    loc = ("presets", name, "like")
    if like == name:
        return [Problem(loc, f"goes round in a circle: {' -> '.join([*way, like])}")]
    return [Problem(loc, _unknown(like, {**presets, **waiting}))] if len(way) == 1 else []


def _unknown(name: str, presets: Mapping[str, object]) -> str:
    return f"no preset is called {shown(name)}; {known(presets, instead_of=name)}"


def _changed(like: Preset, changes: Changes, loc: Loc, base: Path) -> tuple[Preset, list[Problem]]:
    """``like`` with ``changes``, which stand at ``loc``; ``like`` among them has been followed already."""
    changes = understood(changes, like.dpi)
    wrong = _background_problem(changes, loc)
    done = {"like" if loc[0] == "presets" else "", "background" if wrong else ""}
    sound = {key: value for key, value in changes.items() if key not in done}
    if Pin.of(sound.get("background")):
        sound["background"] = absolute(base, sound["background"])
    preset, found = _PRESET.check(asdict(like) | sound)
    problems = [*wrong, *(Problem((*loc, *problem.loc), problem.text) for problem in found)]
    return preset, problems or _unfit(preset, changes, loc)


def _background_problem(changes: Changes, loc: Loc) -> list[Problem]:
    """A colour, or what looks like a file: a bare word is neither."""
    value = changes.get("background")
    if value is None or (isinstance(value, str) and (_COLOUR.fullmatch(value) or _FILE.fullmatch(value))):
        return []
    text = f'must be a colour like white or "#ffffff" (in quotes), a picture file or null; not {shown(value)}'
    return [Problem((*loc, "background"), text)]


def _finishers() -> list[str]:
    """The names of the plug-ins that are installed."""
    return sorted(entry_points(group=FINISHERS).names)


def _is_canvas(preset: Preset) -> bool:
    """Whether the preset's canvas has a size that a picture can have."""
    size = canvas_of(preset.canvas or "", preset.dpi)
    return size is not None and max(size[:2]) <= LONGEST_CANVAS


def _unfit(preset: Preset, changes: Changes, loc: Loc) -> list[Problem]:
    """What the format cannot do, or this installation cannot write."""
    for applies, text, keys in (
        (
            preset.format == "jpeg" and preset.background is None and preset.content == "cut-out",
            'jpeg needs a background, such as background: "#ffffff"',
            ("format", "background"),
        ),
        (
            preset.bits == 16 and preset.format not in DEEP_FORMATS,  # noqa: PLR2004 - bits
            f"{preset.format} holds 8 bits a channel; {' and '.join(sorted(DEEP_FORMATS))} hold 16",
            ("bits", "format"),
        ),
        (
            preset.canvas is not None and not _is_canvas(preset),
            "must be pixels like 1000x1000, millimetres like 35x45mm, paper like A4, or a shape like 1:1",
            ("canvas", "dpi"),
        ),
        (
            preset.max_kb is not None and preset.format not in SIZED_FORMATS,
            f"{preset.format} has one size only; {', '.join(sorted(SIZED_FORMATS))} can be made smaller",
            ("max_kb", "format"),
        ),
        (
            preset.finisher is not None and preset.finisher not in _finishers(),
            f"no package here has such a finisher; {known(_finishers() or ['none'], preset.finisher or '')}",
            ("finisher",),
        ),
        (
            preset.format == "jxl" and importlib.util.find_spec("pillow_jxl") is None,
            "jxl needs a package that is not there: pip install 'mattingd[jxl]'",
            ("format",),
        ),
    ):
        if applies:
            culprit = [key for key in keys if key in changes]
            return [Problem((*loc, *culprit[:1]), text)]
    return []
