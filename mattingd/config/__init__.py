"""Reads the configuration file into frozen ``Settings``; every mistake is one line.

`yaml_source` reads YAML with line numbers, `spelling` normalises values, `schema` declares the settings,
`validation` checks the file against it, `recipes` and `resolve` make the final settings, `messages` has the
words for mistakes. `example` writes configuration files, `folder_checks` tests the folders.
"""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mattingd.config.example import example, init_text
from mattingd.config.folder_checks import kept_backgrounds, problems_on_disk, unreadable, unwritable
from mattingd.config.language_settings import Language
from mattingd.config.messages import Problem, place
from mattingd.config.recipes import own_settings
from mattingd.config.resolve import contradictions, resolve
from mattingd.config.schema import Document, Engine, HotFolder, Limits, Log, Settings, Watch
from mattingd.config.spelling import outputs_named
from mattingd.config.validation import STRICT, Shape
from mattingd.config.value_types import address, is_loopback
from mattingd.config.web_settings import Web
from mattingd.config.yaml_source import Source, read
from mattingd.system.mounts import mount_table

__all__ = [
    "ConfigError",
    "Engine",
    "HotFolder",
    "Language",
    "Limits",
    "Log",
    "Settings",
    "Watch",
    "Web",
    "address",
    "contradictions",
    "example",
    "init_text",
    "is_loopback",
    "kept_backgrounds",
    "load",
    "own_settings",
    "parse",
    "place",
    "problems_on_disk",
    "unreadable",
    "unwritable",
]

_DOCUMENT = Shape(Document, TypeAdapter(list[Document], config=STRICT))


class ConfigError(Exception):
    """The configuration cannot be used."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        """Every mistake in one line: file, line number, setting, what is wrong, what is allowed."""


def load(path: str | Path) -> Settings:
    """Return the settings in the file at ``path``.

    Raises:
        ConfigError: it cannot be read or used; contains all mistakes.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError((f"{_file(path)}: cannot be read: {reason}",)) from None
    return parse(data, path)


def parse(text: str | bytes, where: str | Path, *, mountinfo: str | None = None) -> Settings:
    """Return the settings in ``text``.

    Args:
        text: the content of a configuration file.
        where: its path, for messages and as the starting point of relative paths; need not exist.
        mountinfo: the mounted file systems, in the format of ``/proc/self/mountinfo``; by default that file.

    Raises:
        ConfigError: with all mistakes at once, in the order of the file.
    """
    source = read(text)
    if not isinstance(source.value, dict):
        wanted = Problem((), "contains no settings; `mattingd init` writes a first file")
        raise _error(source, where, list(source.problems) or [wanted])
    document, misshapen = _DOCUMENT.check(_spelt(source.value))
    # A value that YAML could not read is not reported a second time for its type.
    told = {problem.loc for problem in source.problems}
    table = mount_table() if mountinfo is None else mountinfo
    settings, unsound = resolve(document, Path(where).absolute().parent, table)
    problems = [*source.problems, *(each for each in misshapen if each.loc not in told), *unsound]
    if problems:
        raise _error(source, where, problems)
    return settings


def _spelt(value: dict[str, Any]) -> dict[str, Any]:
    """Return the file's content with each hot folder's further outputs as blocks."""
    if not isinstance(folders := value.get("hot_folders"), list):
        return value
    return value | {"hot_folders": [outputs_named(each) for each in folders]}


def _error(source: Source, where: str | Path, problems: list[Problem]) -> ConfigError:
    """Return all problems as lines, in the order of the file."""
    numbered = [(problem.line or source.line(problem.loc) or 0, problem) for problem in problems]
    return ConfigError(tuple(_line(where, *item) for item in sorted(numbered, key=lambda item: item[0])))


def _line(where: str | Path, number: int, problem: Problem) -> str:
    parts = [f"{_file(where)}:{number}" if number else _file(where), place(problem.loc), problem.text]
    return ": ".join(part for part in parts if part)


def _file(where: str | Path) -> str:
    return str(where) if str(where).isprintable() else repr(str(where))
