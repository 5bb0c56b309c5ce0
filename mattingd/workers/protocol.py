"""What crosses a process border: msgpack that is checked against a schema, and raw pixels beside it.

A message is one of our frozen dataclasses. The receiver says which of them it accepts. What it gets has the
declared types, and pixels of the size that the message states; else `MessageError` says what does not fit. No
message can carry code. On the wire a message is a header, its text as msgpack `[name, fields, escaped]`, and
its pixels. The header's mark follows from the schema itself: after an update of the program under a running
daemon the two sides do not misunderstand each other.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from mattingd.domain import commands, events

Message = tuple[Any, bytes | None]
"""A fact or command, and pixels in transit beside it."""
Schema = dict[str, type]
"""The messages that are accepted, by name."""

LONGEST_TEXT = 64 << 20
"""Bytes of a message without its pixels, at most."""
MOST_PIXELS = 1 << 30
"""Bytes of pixels beside a message, at most: 64 pictures at the network take less than a tenth."""


class MessageError(Exception):
    """A message does not fit; the text says which one and why, in one line."""


def schema(*kinds: type) -> Schema:
    """The schema that accepts these messages."""
    return {kind.__name__: kind for kind in kinds}


FROM_WORKER = schema(
    events.WorkerUp,
    events.ReadOk,
    events.NeedsRoom,
    events.AnotherPass,
    events.Finished,
    events.SameResult,
    events.Published,
    events.NameOccupied,
    events.TempFileMissing,
    events.Faulted,
    events.ChoreDone,
)
FROM_ENGINE = schema(events.EngineUp, events.EngineDied, events.Inferred, events.InferFailed)
TO_WORKER = schema(
    commands.WorkerConfig,
    commands.Read,
    commands.Finish,
    commands.Publish,
    commands.DoChore,
    commands.Discard,
    commands.TrimMemory,
)
TO_ENGINE = schema(commands.EngineConfig, commands.Infer)


def _dataclasses(kind: Any, found: set[type]) -> None:
    """Add `kind` and every dataclass in its fields to `found`."""
    if isinstance(kind, type) and is_dataclass(kind) and kind not in found:
        found.add(kind)
        for each in get_type_hints(kind).values():
            _dataclasses(each, found)
    for part in get_args(kind):
        _dataclasses(part, found)


def _mark() -> bytes:
    """Four bytes that differ when any message, or anything in one, has other fields."""
    found: set[type] = set()
    for kind in (FROM_WORKER | FROM_ENGINE | TO_WORKER | TO_ENGINE).values():
        _dataclasses(kind, found)
    told = [f"{kind.__name__} {[(each.name, str(each.type)) for each in fields(kind)]}" for kind in found]
    return hashlib.sha256("\n".join(sorted(told)).encode()).digest()[:4]


_MARK = _mark()
_HEADER = struct.Struct("!4sIQ")
HEADER_BYTES = _HEADER.size


class Lengths(NamedTuple):
    """How much follows a header, in bytes."""

    text: int
    pixels: int


# --- out ---


def encode(message: Message) -> tuple[bytes, bytes]:
    """A message for the wire: header and text, and the pixels that follow them."""
    content, pixels = message
    try:
        text = msgspec.msgpack.encode((type(content).__name__, content, False))
    except UnicodeEncodeError:  # a path that is no UTF-8
        plain = _each_text(msgspec.to_builtins(content, builtin_types=(bytes,)), _escaped)
        text = msgspec.msgpack.encode((type(content).__name__, plain, True))
    return _HEADER.pack(_MARK, len(text), len(pixels or b"")) + text, pixels or b""


def _escaped(text: str) -> str:
    """Any text, lone surrogates included, as one that UTF-8 can hold."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _restored(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogatepass")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """The same plain data with every text changed."""
    match value:
        case str():
            return change(value)
        case dict():
            return {_each_text(key, change): _each_text(each, change) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_each_text(each, change) for each in value]
        case _:
            return value


# --- in ---


def lengths(header: bytes) -> Lengths:
    """How much follows a header.

    Raises:
        MessageError: it is none of ours, or more is announced than any message has.
    """
    mark, text, pixels = _HEADER.unpack(header)
    if mark != _MARK:
        raise MessageError(
            "no message of this version of mattingd; if it was updated meanwhile, restart the daemon"
        )
    if text > LONGEST_TEXT or pixels > MOST_PIXELS:
        raise MessageError(f"a message of {text + pixels} bytes, more than any has")
    return Lengths(text, pixels)


def decode(text: bytes, pixels: bytes, accepts: Schema) -> Message:
    """The message that came in.

    Args:
        text: what followed the header.
        pixels: what followed the text.
        accepts: the messages that may come in here.

    Raises:
        MessageError: it is another one, or its fields or pixels are not as declared.
    """
    name = ""
    try:
        name, raw, escaped = msgspec.msgpack.decode(text, type=tuple[str, msgspec.Raw, bool])
        if name not in accepts:
            raise MessageError(f"a message {name[:40]!r}, which is not expected here")
        content = _content(accepts[name], raw, escaped=escaped)
        _check_pixels(content, len(pixels))
    except (msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise MessageError(f"a message {name[:40]!r} that does not fit: {error}") from None
    return content, pixels or None


@cache
def _decoder(kind: type) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def _content(kind: type, raw: msgspec.Raw, *, escaped: bool) -> Any:
    if not escaped:
        return _decoder(kind).decode(raw)
    plain = _each_text(msgspec.msgpack.decode(raw, strict=False), _restored)
    return msgspec.convert(plain, kind, builtin_types=(bytes,))


def _check_pixels(content: Any, size: int) -> None:
    """Raise ValueError unless so many bytes of pixels belong beside this message."""
    match content:
        case events.ReadOk(recalled=None):
            right = size == 3 * content.fit.net_height * content.fit.net_width
        case events.AnotherPass(shape=(height, width)):
            right = size == 3 * height * width
        case commands.Infer(jobs=jobs, shape=(height, width)):
            right = size == 3 * height * width * len(jobs)
        case events.Inferred(empty=empty):
            right = bool(empty) and size > 0 and size % (4 * len(empty)) == 0
        case commands.Finish():
            right = size % 4 == 0
        case _:
            right = size == 0
    if not right:
        raise ValueError(f"{size} bytes of pixels do not belong to it")
