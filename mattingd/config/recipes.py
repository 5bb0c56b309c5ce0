"""Makes complete recipes of presets and the settings that a hot folder changes.

Reads background pictures from the disk, because their content is part of the recipe; nothing else.
"""

import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mattingd.config.backgrounds import pinned
from mattingd.config.folder_checks import absolute
from mattingd.config.messages import Loc, Problem, known, place, shown
from mattingd.config.schema import AlsoEntry, FolderEntry, Further
from mattingd.config.spelling import understood
from mattingd.config.validation import STRICT, Shape
from mattingd.config.value_types import safe_suffix
from mattingd.domain.jobs import OwnSettings, Recipe
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

Changes = Mapping[str, Any]
"""Settings of a preset as written in the file, unchecked."""

WHOLE = frozenset({"model", "second_pass", "own_alpha", "on_damage", "on_empty"})
"""Settings for the whole picture, not for one output: taken from the hot folder's own preset."""
_PRESET = Shape(Preset, TypeAdapter(list[Preset], config=STRICT))
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FILE = re.compile(r"[^#\0][^\0]*[./][^\0]*|[./][^\0]+")
_ANY = Preset(background="#000000")
"""Replaces an unknown preset, so that changes to it can be checked; every change is valid for it."""


def all_presets(own: Mapping[str, Changes], base: Path) -> tuple[dict[str, Preset], list[Problem]]:
    """Return the built-in presets and the team's ``own``, each based on the one it is ``like``, and problems.

    A preset with a mistake is included as well, so that hot folders which use it are not reported too.
    Relative paths start at ``base``.
    """
    presets = dict(BUILT_IN)
    waiting = {name: changes for name, changes in own.items() if name not in BUILT_IN}
    taken = "is the name of a built-in preset; choose another name"
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
    """The recipes of all outputs of a hot folder."""

    first: Preset
    """That of the folder's own preset."""
    also: tuple[Further, ...]

    def hash(self, model: str) -> str:
        """Return the hash of all recipes and the model; see `domain.presets.recipe_hash`."""
        return recipe_hash(self.first, model, [each.recipe for each in self.also])


def recipes_of(
    entry: FolderEntry, presets: Mapping[str, Preset], loc: Loc, base: Path
) -> tuple[Recipes, list[Problem]]:
    """Return the recipes of a hot folder's ``entry`` at ``loc``; relative paths start at ``base``."""
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


def own_settings(presets: Mapping[str, Preset], model: str, wanted: Mapping[str, Any]) -> OwnSettings:
    """Settings for a single picture.

    Args:
        presets: by name.
        model: the id of the model in use.
        wanted: `preset`, a name, and `settings`, what differs from it; both may be left out.

    Raises:
        ValueError: they cannot be used; says all mistakes.
    """
    name, changes = wanted.get("preset") or DEFAULT, wanted.get("settings") or {}
    if not (isinstance(name, str) and isinstance(changes, dict)) or wanted.keys() - {"preset", "settings"}:
        raise ValueError("must be a preset's name and settings")
    if name not in presets:
        raise ValueError(_unknown(name, presets))
    preset, problems = _changed(presets[name], changes, ("settings",), Path("/"))
    if problems:
        raise ValueError("; ".join(f"{place(each.loc[1:])}: {each.text}" for each in problems))
    preset = pinned(preset)
    return OwnSettings(Recipe(recipe_hash(preset, model), preset), endings_of(preset), name)


def _recipe(
    entry: FolderEntry | AlsoEntry, presets: Mapping[str, Preset], loc: Loc, base: Path
) -> tuple[Preset, list[Problem]]:
    own = {"model": entry.model} if isinstance(entry, FolderEntry) and entry.model is not None else {}
    changes = {**own, **entry.settings}
    preset, problems = _changed(presets.get(entry.preset, _ANY), changes, (*loc, "settings"), base)
    if entry.preset not in presets:
        problems = [Problem((*loc, "preset"), _unknown(entry.preset, presets)), *problems]
    return pinned(preset), problems


def _of_the_whole(also: AlsoEntry, folder: Loc, loc: Loc) -> Iterator[Problem]:
    """Problems with settings that a single output cannot have."""
    for name in sorted(WHOLE & also.settings.keys()):
        text = f"is for all outputs of a picture: put it into {place((*folder, 'settings'))}"
        yield Problem((*loc, "settings", name), text)


def _unusable(suffix: str, common: set[str], loc: Loc) -> Iterator[Problem]:
    """Problems with a suffix that is invalid or does not distinguish the files."""
    try:
        safe_suffix(suffix)
    except ValueError as error:
        yield Problem((*loc, "preset"), f"gives the suffix {shown(suffix)}, which {error}; add suffix:")
    for ending in sorted(common):
        yield Problem(loc, f"files of another output end in {shown(ending)} too; give this one a suffix:")


def _folded(endings: Iterable[str]) -> set[str]:
    """Endings as a file system that ignores case compares them."""
    return {ending.casefold() for ending in endings}


def _like(changes: Changes) -> str:
    """Return the name of the preset that ``changes`` are based on."""
    like = changes.get("like")
    return DEFAULT if like is None else str(like)


def _astray(name: str, waiting: Mapping[str, Changes], presets: Mapping[str, Preset]) -> list[Problem]:
    """Why a preset could not be resolved; empty if another preset is the cause."""
    way = [name]
    while (like := _like(waiting[way[-1]])) in waiting and like not in way:
        way.append(like)
    loc = ("presets", name, "like")
    if like == name:
        return [Problem(loc, f"refers back to itself: {' -> '.join([*way, like])}")]
    return [Problem(loc, _unknown(like, {**presets, **waiting}))] if len(way) == 1 else []


def _unknown(name: str, presets: Mapping[str, object]) -> str:
    return f"no preset is called {shown(name)}; {known(presets, instead_of=name)}"


def _changed(like: Preset, changes: Changes, loc: Loc, base: Path) -> tuple[Preset, list[Problem]]:
    """Return ``like`` with ``changes`` (located at ``loc``), and problems; their key ``like`` is ignored."""
    changes = understood(changes, like.dpi)
    wrong = _background_problem(changes, loc)
    done = [name for name, is_done in (("like", loc[0] == "presets"), ("background", wrong)) if is_done]
    sound = {key: value for key, value in changes.items() if key not in done}
    if Pin.of(sound.get("background")):
        sound["background"] = absolute(base, sound["background"])
    preset, found = _PRESET.check(asdict(like) | sound)
    problems = [*wrong, *(Problem((*loc, *problem.loc), problem.text) for problem in found)]
    return preset, problems or _unfit(preset, changes, loc)


def _background_problem(changes: Changes, loc: Loc) -> list[Problem]:
    """A background must be a colour or look like a file path; a bare word is neither."""
    value = changes.get("background")
    if value is None or (isinstance(value, str) and (_COLOUR.fullmatch(value) or _FILE.fullmatch(value))):
        return []
    text = f'must be a colour like white or "#ffffff" (in quotes), a picture file or null; not {shown(value)}'
    return [Problem((*loc, "background"), text)]


def _finishers() -> list[str]:
    """Return the names of the installed plug-ins."""
    return sorted(entry_points(group=FINISHERS).names)


def _is_canvas(preset: Preset) -> bool:
    """Whether the preset's canvas has a valid size."""
    size = canvas_of(preset.canvas or "", preset.dpi)
    return size is not None and max(size[:2]) <= LONGEST_CANVAS


def _unfit(preset: Preset, changes: Changes, loc: Loc) -> list[Problem]:
    """Problems with what the format does not support or this installation cannot write."""
    for applies, text, keys in (
        (
            preset.format == "jpeg" and preset.background is None and preset.content == "cut-out",
            'jpeg needs a background, such as background: "#ffffff"',
            ("format", "background"),
        ),
        (
            preset.bits == 16 and preset.format not in DEEP_FORMATS,  # noqa: PLR2004 - bits
            f"{preset.format} has 8 bits per channel; {' and '.join(sorted(DEEP_FORMATS))} support 16",
            ("bits", "format"),
        ),
        (
            preset.canvas is not None and not _is_canvas(preset),
            "must be pixels like 1000x1000, millimetres like 35x45mm, paper like A4, or a shape like 1:1",
            ("canvas", "dpi"),
        ),
        (
            preset.max_kb is not None and preset.format not in SIZED_FORMATS,
            f"{preset.format} files cannot be limited in size; {', '.join(sorted(SIZED_FORMATS))} can",
            ("max_kb", "format"),
        ),
        (
            preset.finisher is not None and preset.finisher not in _finishers(),
            f"no package has this finisher; {known(_finishers() or ['none'], preset.finisher or '')}",
            ("finisher",),
        ),
        (
            preset.format == "jxl" and importlib.util.find_spec("pillow_jxl") is None,
            "jxl needs a package that is not installed: pip install 'mattingd[jxl]'",
            ("format",),
        ),
    ):
        if applies:
            culprit = [key for key in keys if key in changes]
            return [Problem((*loc, *culprit[:1]), text)]
    return []
