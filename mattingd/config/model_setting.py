"""Writes which model is used into the text of a configuration; everything else in it stays as it is."""

import re

from mattingd.config.yaml_source import read

_BLOCK = re.compile(r"engine:[ \t]*(#.*)?")
_FLOW = re.compile(r"engine:[ \t]*\{(.*)\}(.*)")
_SETTING = re.compile(r"([ \t]+)model:[^#]*?([ \t]+#.*)?")


def with_model(text: str, name: str) -> str | None:
    """Return the text of a configuration with `engine.model`; None if it is written in an unusual way.

    Args:
        text: a sound configuration.
        name: of the model.
    """
    changed = "\n".join(_changed(text.split("\n"), name))
    source = read(changed)
    value = None if source.problems else source.value
    engine = value.get("engine") if isinstance(value, dict) else None
    return changed if isinstance(engine, dict) and engine.get("model") == name else None


def _changed(lines: list[str], name: str) -> list[str]:
    for number, line in enumerate(lines):
        if found := _FLOW.fullmatch(line.rstrip()):
            rest = [part for part in found[1].split(",") if part.strip() and not _is_model(part)]
            inside = ", ".join([f"model: {name}", *(part.strip() for part in rest)])
            return [*lines[:number], f"engine: {{{inside}}}{found[2]}", *lines[number + 1 :]]
        if _BLOCK.fullmatch(line.rstrip()):
            return [*lines[: number + 1], *_block(lines[number + 1 :], name)]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return [*lines, "engine:", f"  model: {name}", ""]


def _is_model(part: str) -> bool:
    return part.strip().startswith("model:")


def _block(lines: list[str], name: str) -> list[str]:
    """The lines after `engine:`, with the setting in its block."""
    indent = "  "
    for number, line in enumerate(lines):
        if line.strip() and not line[0].isspace() and not line.startswith("#"):
            break
        if found := _SETTING.fullmatch(line.rstrip()):
            return [*lines[:number], f"{found[1]}model: {name}{found[2] or ''}", *lines[number + 1 :]]
        if line.strip() and not line.strip().startswith("#"):
            indent = line[: len(line) - len(line.lstrip())]
    return [f"{indent}model: {name}", *lines]
