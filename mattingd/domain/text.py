"""Source paths as text for users."""

import unicodedata


def readable(path: bytes) -> str:
    """Return a source path for users: one line, without terminal control characters."""
    return "".join(map(_shown, path.decode("utf-8", "backslashreplace")))


def _shown(char: str) -> str:
    plain = char.isprintable() or unicodedata.category(char) == "Zs"  # macOS puts narrow spaces into names
    return char if plain else char.encode("unicode_escape").decode()
