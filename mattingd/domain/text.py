"""Source paths as text for people."""

import unicodedata


def readable(path: bytes) -> str:
    """A source path for people: one line, with nothing in it that a terminal would obey."""
    return "".join(map(_shown, path.decode("utf-8", "backslashreplace")))


def _shown(char: str) -> str:
    plain = char.isprintable() or unicodedata.category(char) == "Zs"  # Macs put narrow spaces into names
    return char if plain else char.encode("unicode_escape").decode()
