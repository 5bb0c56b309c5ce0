"""Messages between processes: msgpack checked against a schema, with raw pixels beside it.

A message is one of our frozen dataclasses. The receiver says which of them it accepts. What it gets has the
declared types, and pixels of the size that the message states; otherwise `MessageError` says what does not
fit. No message can carry code.

On the wire a message is a header, its text as msgpack `[name, fields, escaped]`, and its pixels. The header's
mark is derived from the schema: after an update of the program under a running daemon the two sides do not
misunderstand each other.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from mattingd.domain import commands, events, remote, shares

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
    """Return the schema that accepts these messages."""
    return {kind.__name__: kind for kind in kinds}


FROM_WORKER = schema(
    events.WorkerUp,
    events.ReadOk,
    events.SameContent,
    events.NeedsRoom,
    events.AnotherPass,
    events.Finished,
    events.SameResult,
    events.EarlierGone,
    events.Published,
    events.NameOccupied,
    events.TempFileMissing,
    events.Faulted,
    events.ChoreDone,
    events.FolderMoved,
)
FROM_ENGINE = schema(events.EngineUp, events.EngineDied, events.Inferred, events.InferFailed)
TO_WORKER = schema(
    commands.WorkerConfig,
    commands.Read,
    commands.Finish,
    commands.Publish,
    commands.DoChore,
    commands.MoveFolder,
    commands.Discard,
    commands.TrimMemory,
)
TO_ENGINE = schema(commands.EngineConfig, commands.Infer)
FROM_SHARE = schema(
    events.FileObserved,
    events.Scanned,
    events.FolderTrouble,
    events.Swept,
    shares.ShareAlive,
    shares.OutputSeen,
    shares.ShareSwept,
)
TO_SHARE = schema(
    shares.KnownFiles,
    shares.ScanShare,
    shares.RescanShare,
    shares.WatchOutput,
    shares.SweepShare,
    commands.LookAt,
    commands.ContinueRetention,
)


TO_REMOTE = schema(
    commands.RemoteConfig, commands.Read, commands.Finish, commands.Discard, commands.WorkerConfig
)
FROM_REMOTE = schema(
    events.WorkerUp,
    events.WorkerLeft,
    events.RemoteState,
    events.ReadOk,
    events.Finished,
    events.SameResult,
    events.Faulted,
)
TASK = schema(remote.RemotePicture)
TASK_ANSWER = schema(remote.RemoteMade, remote.RemoteFault, remote.RemoteSick)
TASK_FACTS = schema(remote.RemoteFacts)


def _dataclasses(kind: Any, found: set[type]) -> None:
    """Add `kind` and every dataclass in its fields to `found`."""
    if isinstance(kind, type) and is_dataclass(kind) and kind not in found:
        found.add(kind)
        for each in get_type_hints(kind).values():
            _dataclasses(each, found)
    for part in get_args(kind):
        _dataclasses(part, found)


def _mark() -> bytes:
    """Return four bytes that differ when any message, or a dataclass in one, has other fields."""
    found: set[type] = set()
    crosses = FROM_WORKER | FROM_ENGINE | TO_WORKER | TO_ENGINE | FROM_SHARE | TO_SHARE | TO_REMOTE
    for kind in (crosses | FROM_REMOTE | TASK | TASK_ANSWER | TASK_FACTS).values():
        _dataclasses(kind, found)
    told = [f"{kind.__name__} {[(each.name, str(each.type)) for each in fields(kind)]}" for kind in found]
    return hashlib.sha256("\n".join(sorted(told)).encode()).digest()[:4]


_MARK = _mark()
SCHEMA = _MARK.hex()
"""The mark in words: two programs that have the same understand each other."""
_HEADER = struct.Struct("!4sIQ")
HEADER_BYTES = _HEADER.size


class Lengths(NamedTuple):
    """The number of bytes that follow a header."""

    text: int
    pixels: int


# --- as one block of bytes, between machines ---


def packed(message: Message) -> bytes:
    """Return a message as bytes."""
    return b"".join(encode(message))


def unpacked(block: object, accepts: Schema) -> Message:
    """Return the message in a block of bytes.

    Raises:
        MessageError: it is not one of the expected messages.
    """
    if not isinstance(block, bytes | bytearray | memoryview):
        raise MessageError(f"a {type(block).__name__}, not the bytes of a message")
    data = bytes(block)
    if len(data) < HEADER_BYTES:
        raise MessageError("less than a message")
    follows = lengths(data[:HEADER_BYTES])
    text, pixels = data[HEADER_BYTES:][: follows.text], data[HEADER_BYTES + follows.text :]
    if len(text) != follows.text or len(pixels) != follows.pixels:
        raise MessageError("not as many bytes as it announces")
    return decode(text, pixels, accepts)


# --- out ---


def encode(message: Message) -> tuple[bytes, bytes]:
    """Encode a message for the wire: header and text, and the pixels that follow them."""
    content, pixels = message
    try:
        text = msgspec.msgpack.encode((type(content).__name__, content, False))
    except UnicodeEncodeError:  # a path that is not UTF-8
        plain = _each_text(msgspec.to_builtins(content, builtin_types=(bytes,)), _escaped)
        text = msgspec.msgpack.encode((type(content).__name__, plain, True))
    return _HEADER.pack(_MARK, len(text), len(pixels or b"")) + text, pixels or b""


def _escaped(text: str) -> str:
    """Escape any text, including lone surrogates, so that UTF-8 can represent it."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _restored(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogatepass")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Apply a function to every text in plain data."""
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
    """Return the number of bytes that follow a header.

    Raises:
        MessageError: it is not our header, or announces more bytes than any message has.
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
    """Decode a message.

    Args:
        text: the bytes after the header.
        pixels: the bytes after the text.
        accepts: the messages that are accepted here.

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
    """Raise ValueError unless this many bytes of pixels belong to this message."""
    match content:
        case remote.RemotePicture():
            right = size > 0
        case remote.RemoteMade(files=files, matte=matte):
            parts = [*(file.size for file in files), matte]
            right = min(parts) >= 0 and size == sum(parts)
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
