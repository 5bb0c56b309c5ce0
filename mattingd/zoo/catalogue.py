"""The catalogue: what is known of each published model, and a team's own entries, as data.

Knows YAML and the engine's contract; fetches and loads nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from mattingd.inference.backend import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENTRIES = ("*.yaml", "*.yml")
PLAIN = "author"
"""The variant that a model's authors mean: what an entry's contract says."""


class CatalogueError(Exception):
    """An entry is invalid or missing; the message says which and why."""


@dataclass(frozen=True, slots=True)
class File:
    """One published file, with its size and hashes."""

    url: str
    bytes: int | None = None
    sha256: str = ""
    md5: str = ""
    """If the publisher pins nothing better."""
    called: str = ""
    """Its name at a mirror, if the last part of its address is not descriptive: `model.onnx`."""

    @property
    def name(self) -> str:
        """Its name for users and mirrors."""
        return self.called or self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of use of each part, as far as known."""

    code: str = "not stated"
    weights: str = "not stated"
    data: str = "not stated"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One published model."""

    id: str
    title: str
    contract: dict[str, Any]
    """Fields of `ModelSpec`."""
    subjects: str = "general"
    advice: str = ""
    advice_zh: str = ""
    """The same in Chinese."""
    licence: Licence = field(default_factory=Licence)
    commercial: Literal["yes", "no", "unclear"] = "unclear"
    """Whether commercial use of cut-outs is allowed by the licence of the weights."""
    memory_mb: int = 0
    """Approximate memory at work, one picture at a time."""
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Differences from the contract that reproduce another program's results."""
    files: tuple[File, ...] = ()
    """None when no address with a hash is known: `where` says what to look for."""
    where: str = ""

    def spec(self, sha256: str, variant: str = PLAIN) -> ModelSpec:
        """Return its contract.

        Args:
            sha256: SHA-256 of the file.
            variant: one of `variants`, or `PLAIN`.

        Raises:
            CatalogueError: no such variant, or the contract is invalid.
        """
        if variant != PLAIN and variant not in self.variants:
            known = ", ".join([PLAIN, *self.variants])
            raise CatalogueError(f"{self.id} has no variant {variant!r}; there is {known}")
        told = {"runtime": "onnx", "second_pass": False, **self.contract, **self.variants.get(variant, {})}
        try:
            return _SPEC.validate_python({"id": self.name(variant), "sha256": sha256, **told})
        except ValidationError as error:
            raise CatalogueError(f"{self.id}: its contract is invalid: {_first(error)}") from error

    def name(self, variant: str = PLAIN) -> str:
        """Return the model's name once it is installed."""
        return self.id if variant == PLAIN else f"{self.id}-{variant}"


_SPEC = TypeAdapter(ModelSpec)
_ENTRY = TypeAdapter(CatalogueEntry)


def _pinned(file: File) -> bool:
    """Whether a file has a hash, and each that it has is one."""
    told = {digits: value for digits, value in ((64, file.sha256), (32, file.md5)) if value}
    return bool(told) and all(re.fullmatch(f"[0-9a-f]{{{digits}}}", value) for digits, value in told.items())


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


@cache
def published() -> Mapping[str, CatalogueEntry]:
    """Return the models of the bundled catalogue, by id."""
    text = (resources.files("mattingd.zoo") / "catalogue.yaml").read_text(encoding="utf-8")
    return parse(text, "catalogue.yaml")


def all_entries(folder: Path | None) -> Mapping[str, CatalogueEntry]:
    """Return the bundled entries and those in a team's folder, whose names must be different.

    Raises:
        CatalogueError: a file in the folder is invalid.
    """
    found = dict(published())
    for path in [] if folder is None else sorted(each for glob in ENTRIES for each in folder.glob(glob)):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise CatalogueError(f"{path} cannot be read: {error}") from error
        for name, entry in parse(text, str(path)).items():
            if name in found:
                raise CatalogueError(f"{path}: there is a model {name!r} already; choose another name")
            found[name] = entry
    return found


def parse(text: str, source: str) -> dict[str, CatalogueEntry]:
    """Parse the entries in a YAML text; keys with a leading underscore are only there to be referenced.

    Raises:
        CatalogueError: it is invalid.
    """
    try:
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise CatalogueError(f"{source}: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise CatalogueError(f"{source}: names with their entries are needed")
    return {str(name): _entry(str(name), told, source) for name, told in data.items() if str(name)[:1] != "_"}


def _entry(name: str, told: object, source: str) -> CatalogueEntry:
    if not isinstance(told, dict):
        raise CatalogueError(f"{source}: {name}: an entry needs title and contract")
    unknown = sorted(set(map(str, told)) - {each.name for each in fields(CatalogueEntry)})
    if unknown:
        raise CatalogueError(f"{source}: {name}: there is no field {unknown[0]!r}")
    try:
        entry = _ENTRY.validate_python({"id": name, **told})
    except ValidationError as error:
        raise CatalogueError(f"{source}: {name}: {_first(error)}") from error
    for variant in (PLAIN, *entry.variants):
        entry.spec("0" * 64, variant)
    if not all(_pinned(file) for file in entry.files):
        raise CatalogueError(
            f"{source}: {name}: its file needs a `sha256` of 64 hexadecimal digits, or an `md5` of 32."
            f" Without `files:`, `mattingd models add FILE --like {name}` takes in one whose hash is unknown"
        )
    return entry


def entry_of(name: str, entries: Mapping[str, CatalogueEntry]) -> CatalogueEntry:
    """Return one entry.

    Raises:
        CatalogueError: there is none; lists the known ones.
    """
    if name not in entries:
        raise CatalogueError(f"the catalogue has no model {name!r}; there is {', '.join(entries)}")
    return entries[name]


def like(entry: CatalogueEntry, name: str, url: str, size: int, sha256: str) -> CatalogueEntry:
    """Return an entry for a user's own file with the contract of a known model."""
    return replace(
        entry,
        id=name,
        title=f"{name}, like {entry.id}",
        advice="",
        advice_zh="",
        licence=Licence(),
        commercial="unclear",
        files=(File(url, size, sha256),),
        where="",
    )
