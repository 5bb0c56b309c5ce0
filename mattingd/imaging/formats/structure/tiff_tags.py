"""The directories of a TIFF (6.0, BigTIFF) or of a raw file in TIFF format: their integer values.

Knows tags, and that offsets may point anywhere. Must not decode, and must not need more of a file than its
directories.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Part = Callable[[int, int], bytes]
"""So many bytes of a file from an offset on; fewer where it ends."""

NEW_SUBFILE, SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
SAMPLES, PLANES, SUB_DIRECTORIES, EXTRA, FORMAT = 277, 284, 330, 338, 339
_PIECES = ((273, 279), (324, 325))  # offsets and lengths: of strips, of tiles
_NUMBERS = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4), 16: ("Q", 8), 18: ("Q", 8)}
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # where more than 1
_BIG = 43
_MOST_DIRECTORIES = 1024
_LONGEST = 1 << 26  # maximum bytes of a tag's values: no tag that we need has more
_UNPACKED = 1
_REDUCED, _MASK = 1, 4  # bits of the tag NewSubfileType
_OLD_REDUCED = 2


@dataclass(frozen=True, slots=True)
class Directory:
    """One picture of the file, as described by integer tags."""

    tags: dict[int, tuple[int, ...]]
    index: int
    """Whether it is in the file's main chain of pictures."""
    offset: int
    """Its offset."""
    reach: int
    """The end of the last value that is stored outside of it."""

    def one(self, tag: int, otherwise: int) -> int:
        """Return the first value of a tag."""
        return next(iter(self.tags.get(tag, ())), otherwise)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as stored."""
        return self.one(WIDTH, 0), self.one(HEIGHT, 0)

    @property
    def bits(self) -> int:
        """Bits per channel, of the deepest one."""
        return max(self.tags.get(BITS, ()), default=1)

    @property
    def samples(self) -> int:
        """Number of channels, including extra ones."""
        return self.one(SAMPLES, 1)

    @property
    def is_small_copy(self) -> bool:
        """Whether it is marked as a reduced copy of another picture, or as a mask."""
        marked = self.one(NEW_SUBFILE, 0) & (_REDUCED | _MASK)
        return bool(marked) or self.one(SUBFILE, 0) == _OLD_REDUCED

    @property
    def is_packed(self) -> bool:
        """Whether its pixels are compressed."""
        return self.one(COMPRESSION, _UNPACKED) != _UNPACKED

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """(offset, length) of each strip or tile."""
        return [
            piece
            for offsets, lengths in _PIECES
            for piece in zip(self.tags.get(offsets, ()), self.tags.get(lengths, ()), strict=False)
        ]

    @property
    def stride(self) -> int:
        """Bytes of an uncompressed row; 0 where rows are not consecutive."""
        if self.is_packed or any(tag in self.tags for tag in _PIECES[1]):
            return 0
        planes_apart = self.one(PLANES, 1) != 1
        bits = self.bits * (1 if planes_apart else self.samples)
        return (self.size[0] * bits + 7) // 8


def part_of(data: bytes) -> Part:
    """Return a function that reads parts of a complete file."""
    return lambda at, length: data[at : at + length]


def directories(part: Part, *, below: bool = False) -> Iterator[Directory]:
    """Yield the directories, in the order of the file.

    Args:
        part: reads a part of the file.
        below: whether to include sub-directories.
    """
    order, big = _order(part)
    entry, width = (20, "Q") if big else (12, "I")
    at = _number(order + width, part, 8 if big else 4)
    waiting, seen = [(at, 0)], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at, own = waiting.pop(0)
        count = _number(order + ("Q" if big else "H"), part, at) if at > 0 else 0
        start = at + (8 if big else 2)
        table = part(start, entry * count) if 0 < count <= 1 << 16 else b""
        if not table or at in seen or len(table) < entry * count:
            continue
        seen.add(at)
        tags = dict(_entries(order, table, part, big=big))
        found = Directory(tags, own, at, _reach(order, table, big=big))
        yield found
        if below:
            waiting += [(offset, own) for offset in found.tags.get(SUB_DIRECTORIES, ())]
        waiting.append((_number(order + width, part, start + entry * count), own + 1))


def largest(pages: list[Directory]) -> Directory:
    """Return the main page: the largest of those that are not marked as reduced copies or masks."""
    pictures = [page for page in pages if not page.is_small_copy] or pages
    return max(pictures, key=lambda page: page.size[0] * page.size[1])


def _order(part: Part) -> tuple[str, bool]:
    head = part(0, 4)
    order = ">" if head[:2] == b"MM" else "<"
    return order, _number(order + "H", part, 2) == _BIG


def _entries(order: str, table: bytes, part: Part, *, big: bool) -> Iterator[tuple[int, tuple[int, ...]]]:
    entry, inside = (20, 8) if big else (12, 4)
    for at in range(0, len(table), entry):
        tag, kind = struct.unpack_from(order + "2H", table, at)
        (count,) = struct.unpack_from(order + ("Q" if big else "I"), table, at + 4)
        if kind not in _NUMBERS:
            continue
        code, width = _NUMBERS[kind]
        place, length = at + entry - inside, count * width
        if length <= inside:
            yield tag, struct.unpack_from(f"{order}{count}{code}", table, place)
            continue
        (offset,) = struct.unpack_from(order + ("Q" if big else "I"), table, place)
        if length <= _LONGEST and len(values := part(offset, length)) == length:
            yield tag, struct.unpack(f"{order}{count}{code}", values)


def _reach(order: str, table: bytes, *, big: bool) -> int:
    entry, code, inside = (20, "2H2Q", 8) if big else (12, "2H2I", 4)
    ends = [0]
    for at in range(0, len(table), entry):
        _, kind, count, value = struct.unpack_from(order + code, table, at)
        size = count * _SIZES.get(kind, 1)
        ends += [value + size] if size > inside else []
    return max(ends)


def _number(code: str, part: Part, at: int) -> int:
    length = struct.calcsize(code)
    found = part(at, length)
    return int(struct.unpack(code, found)[0]) if len(found) == length else 0
