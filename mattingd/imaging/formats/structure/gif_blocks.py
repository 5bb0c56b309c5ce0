"""The blocks of a GIF: where its pictures and the file end. Standard library only."""

TRAILER = b"\x3b"
_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C


def walk(data: bytes) -> tuple[int | None, list[int]]:
    """Return where the file ends, None without an end marker; and where each complete picture ends."""
    at, pictures = 13 + _palette(data, 10), list[int]()
    while at < len(data) and data[at] != _TRAILER:
        is_picture = data[at] == _IMAGE
        if not is_picture and data[at] != _EXTENSION:
            return None, pictures
        at = _after_blocks(data, at + 11 + _palette(data, at + 9) if is_picture else at + 2)
        if is_picture and at <= len(data):
            pictures.append(at)
    return (at + 1 if at < len(data) else None), pictures


def _palette(data: bytes, at: int) -> int:
    """Return the size in bytes of the colour table given by the flags at ``at``."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Return where a chain of sub-blocks ends; beyond the data when it is incomplete."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
