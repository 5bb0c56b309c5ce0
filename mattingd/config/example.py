"""Writes configuration files: the example that explains every setting, and the short first one of ``init``.

The example is generated from the declared fields, their defaults and their documentation.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from typing import Any

from mattingd.config.messages import allowed, declared, is_block, required_of
from mattingd.config.schema import Document, FolderEntry
from mattingd.config.yaml_source import read
from mattingd.domain.presets import BUILT_IN, DEFAULT, Preset

_HEAD = """\
# Every setting of mattingd with its default. Required: output_dir, state_dir and the path of one hot folder.
# `mattingd check` lists every mistake in a configuration, with its line.
"""
_FIRST = """\
# mattingd: drop pictures into a hot folder; their cut-outs appear below output_dir, in a folder for each day.
# `mattingd check` lists every mistake in this file, with its line.

output_dir: {output_dir}

# The journal; must be on a local disk.
state_dir: {state_dir}

hot_folders:
  - path: {hot_folder}
    preset: {preset}  # or {others}

# Cut-outs are kept for ever. To remove them after some days:
# retention: {{days: 30}}
"""
_SAMPLES = {"output_dir": "/srv/matting/out", "state_dir": "/var/lib/mattingd", "path": "/srv/matting/in"}
_WIDTH = 100


def example() -> str:
    """The text of ``config.example.yaml``: every setting, explained, at its default."""
    required = required_of(Document)
    ordered = sorted(fields(Document), key=lambda item: item.name not in required)
    blocks = ["\n".join(_setting(Document, item, "")) for item in ordered]
    return "\n\n".join([_HEAD.rstrip(), *blocks]) + "\n"


def init_text(output_dir: str, hot_folder: str, state_dir: str) -> str:
    """The text of a first configuration file with one hot folder.

    Raises:
        ValueError: a path is not UTF-8 and cannot be written to a text file.
    """
    for path in (output_dir, hot_folder, state_dir):
        path.encode()
    return _FIRST.format(
        output_dir=_scalar(output_dir),
        state_dir=_scalar(state_dir),
        hot_folder=_scalar(hot_folder),
        preset=DEFAULT,
        others=", ".join(name for name in BUILT_IN if name != DEFAULT),
    )


def _block(shape: type, indent: str) -> Iterator[str]:
    """All settings of the dataclass ``shape``, one below the other."""
    for item in fields(shape):
        yield from _setting(shape, item, indent)


def _setting(shape: type, item: Field[Any], indent: str) -> Iterator[str]:
    """Its explanation as a comment, then the setting itself."""
    words = _documentation(shape)[item.name]
    yield from textwrap.wrap(words, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
    inner = declared(shape, (item.name,))
    match item.name:
        case "hot_folders":
            yield from (f"{indent}{item.name}:", f"{indent}  -")
            yield from _block(FolderEntry, f"{indent}    ")
        case "presets":
            yield from (f"{indent}{item.name}:", f"{indent}  house-style:")
            yield from (
                f"{indent}    # The preset that all is taken from that does not stand here.",
                f"{indent}    like: {DEFAULT}",
            )
            yield from _block(Preset, f"{indent}    ")
        case _ if isinstance(inner, type) and is_dataclass(inner):
            yield f"{indent}{item.name}:"
            yield from _block(inner, f"{indent}  ")
        case _:
            value, note = _scalar(_default(item)), allowed(inner)
            wordless = is_block(inner) or note in {"a path", "text", value}
            yield f"{indent}{item.name}: {value}" + ("" if wordless else f"  # {note}")


def _default(item: Field[Any]) -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return _SAMPLES[item.name] if item.default is MISSING else item.default


def _scalar(value: object) -> str:
    """``value`` as YAML on one line; text without quotes where it is read back as the same text."""
    if isinstance(value, str):
        plain = value.isprintable() and read(f"key: {value}") == read(f"key: {_quoted(value)}")
        return value if plain else _quoted(value)
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def _quoted(text: str) -> str:
    """In double quotes, with everything that YAML might not take literally written as its number."""
    safe = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(safe)}"'


def _documentation(shape: type) -> dict[str, str]:
    """Return the string below each field, inherited fields included."""
    found: dict[str, str] = {}
    for owner in filter(is_dataclass, reversed(shape.__mro__)):
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        for above, below in pairwise(getattr(tree, "body", [])):
            match above, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = " ".join(words.split())
    return found
