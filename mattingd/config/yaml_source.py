"""Reads YAML text into plain values with their line numbers. The only module that imports yaml.

Stricter than YAML where YAML surprises users: a key may appear once; dates, ``<<`` and ``4:3`` (243 in base
60, in YAML 1.1) are plain text; aliases are refused, and a colour that became a comment is reported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from mattingd.config.messages import Loc, Problem, shown

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""The values of a document: those of JSON."""

_UNDERSTOOD = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float")}
_IN_BASE_60 = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")
_COLOUR = re.compile(r"\s*#[0-9a-fA-F]{3,8}\b")


@dataclass(frozen=True, slots=True)
class Source:
    """A document that was read, with or without problems."""

    value: Plain = None
    """The whole document; None if it is not YAML."""
    lines: Mapping[Loc, int] = field(default_factory=dict)
    """Line, from 1, of every key and list item."""
    problems: tuple[Problem, ...] = ()
    """Mistakes in its YAML; the meaning of the values is checked elsewhere."""

    def line(self, loc: Loc) -> int | None:
        """Return the line of ``loc``, or of the nearest enclosing key in the file."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc)


def read(data: str | bytes) -> Source:
    """Read one YAML document. Never raises: the result contains all problems."""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _refused("is not UTF-8 text; save it as UTF-8", line)
    try:
        return _Reader(text).read()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _refused(f"has a character that YAML does not allow (U+{error.character:04X})", line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _refused(_complaint(error), mark.line + 1 if mark else None)
    except RecursionError:
        return _refused("is nested too deeply", None)


def _refused(text: str, line: int | None) -> Source:
    return Source(problems=(Problem((), text, line),))


def _complaint(error: yaml.MarkedYAMLError) -> str:
    """Return the parser's message on one line."""
    if r"'\t'" in str(error.problem):
        return "has a tab here; indent with spaces"
    parts = [part for part in (error.context, error.problem) if part]
    return " ".join(f"is not valid YAML: {', '.join(parts)}".split())


class _Loader(yaml.SafeLoader):
    """The safe loader, without dates, merge keys and aliases."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (the name and form are PyYAML's)
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _UNDERSTOOD]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases: one may contain itself, or grow without limit. Presets have ``like`` instead."""
        if self.check_event(yaml.AliasEvent):
            mark = self.current_event.start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", mark)
        return super().compose_node(parent, index)


class _Reader:
    """Walks over the node tree once and collects lines and problems."""

    def __init__(self, text: str) -> None:
        self.loader = _Loader(text)
        self.text_lines = text.splitlines()
        self.lines: dict[Loc, int] = {}
        self.problems: list[Problem] = []

    def read(self) -> Source:
        node = self.loader.get_single_node()
        if node is None:
            return _refused("is empty; `mattingd init` writes a first file", None)
        value = self.value(node, ())
        return Source(value, self.lines, tuple(self.problems))

    def value(self, node: yaml.Node, loc: Loc) -> Plain:
        self.lines.setdefault(loc, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, loc)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*loc, index)) for index, item in enumerate(node.value)]
        return self.scalar(cast("yaml.ScalarNode", node), loc)

    def mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(loc, "a key must be a word", line))
            elif key.value in found:
                text = f"appears twice; it is already on line {self.lines[*loc, key.value]}"
                self.problems.append(Problem((*loc, key.value), text, line))
            else:
                self.lines[*loc, key.value] = line
                found[key.value] = self.value(value, (*loc, key.value))
        return found

    def scalar(self, node: yaml.ScalarNode, loc: Loc) -> Plain:
        if self.lost_colour(node):
            text = '# begins a comment; put the colour in quotes, such as "#ffffff"'
            self.problems.append(Problem(loc, text))
        try:
            value = node.value if _IN_BASE_60.fullmatch(node.value) else self.loader.construct_object(node)
            if value is None or isinstance(value, bool | int | float):
                return value
            if isinstance(value, str):
                value.encode()
                return value
        except (ValueError, yaml.YAMLError):
            pass
        self.problems.append(Problem(loc, f"cannot be understood: {shown(node.value)}"))
        return None

    def lost_colour(self, node: yaml.ScalarNode) -> bool:
        """``background: #ffffff`` is ``background:`` and a comment."""
        mark = node.start_mark
        rest = "".join(self.text_lines[mark.line : mark.line + 1])[mark.column :]
        return not node.value and node.style is None and _COLOUR.match(rest) is not None
