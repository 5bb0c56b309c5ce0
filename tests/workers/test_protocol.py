"""What crosses a process border arrives as it was sent, or is refused in one clear line."""

import math
import pickle
import struct
from dataclasses import fields, is_dataclass

import msgspec
import pytest
from because import why
from hypothesis import given
from hypothesis import strategies as st

from mattingd.domain import commands, events
from mattingd.domain.drops import EndedFile
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, Fit, Geometry, Original, Output, PictureLimits, Place, Stamp
from mattingd.domain.presets import BUILT_IN
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats.decode import PictureError, read
from mattingd.workers.protocol import (
    FROM_ENGINE,
    FROM_WORKER,
    HEADER_BYTES,
    LONGEST_TEXT,
    TO_ENGINE,
    TO_WORKER,
    Message,
    MessageError,
    Schema,
    decode,
    encode,
    lengths,
)

EVERYTHING = FROM_WORKER | FROM_ENGINE | TO_WORKER | TO_ENGINE
STAMP = Stamp(2**40, -1, 2**64 - 1, 2**64 - 1, 2**63 - 1)
OUTPUTS = (Output(0, Place("out/a.png", "out/a", 1, ".png"), ".t1", b"hash", 4),)
FITTED = Geometry(416, 32)
FIT = Fit(1000, 500, 8, 4)
NET = bytes(3 * 8 * 4)
MATTES = bytes(4 * 8 * 4)
EACH: list[Message] = [
    (events.WorkerUp(1, 2), None),
    (events.ReadOk(1, 2, b"\0\xff", FIT, 0.5, (Reason.of("first_of", frames=12),), 7, b"p"), NET),
    (events.ReadOk(1, 2, b"\0\xff", FIT, recalled="ab"), None),
    (events.NeedsRoom(1, 2, 10**9), None),
    (events.AnotherPass(1, 2, (4, 8)), NET),
    (events.Finished(1, 2, OUTPUTS, 1, 0.25, (why("note"),), 0.75), None),
    (events.SameContent(1, 2, b"hash"), None),
    (events.SameResult(1, 2, 0.5, 0.75), None),
    (events.EarlierGone(1, 2), None),
    (events.Published(1, 2, 0.5), None),
    (events.NameOccupied(1, 2, 0), None),
    (events.TempFileMissing(1, 2), None),
    (events.Faulted(1, 2, Fault.BAD, why("Größe: 0 \u202f px")), None),
    (events.ChoreDone(1, 2, Chore.ORIGINAL, None, "there"), None),
    (events.FolderMoved(1, 2, "there", "why"), None),
    (events.EngineUp(1, "cpu", "torch", "fp32", "cv-unet", "ab", 2, 0.1, 3), None),
    (events.EngineDied(1, why("it ended"), ExitCode.DEVICE, wrong=True), None),
    (events.Inferred(1, (True, False), 0.5, (0.25, math.inf)), MATTES * 2),
    (events.InferFailed(1, events.InferFault.MEMORY, "too large"), None),
    (
        commands.WorkerConfig(1, {1: b"/in/\xff", 70_000: b"/b"}, "/out", "i", PictureLimits(), FITTED),
        None,
    ),
    (commands.Read(1, 2, 3, b"\xff/a.jpg", STAMP, 5, recall=False), None),
    (commands.Finish(1, 2, tuple(BUILT_IN.values()), OUTPUTS, "ab"), MATTES),
    (commands.Finish(1, 2, tuple(BUILT_IN.values()), OUTPUTS, "ab"), None),
    (commands.Publish(1, 2, OUTPUTS), None),
    (
        commands.DoChore(
            1, 2, Chore.NOTE, OUTPUTS, ("n",), 3, b"a", why("so"), Original("archive", "p", STAMP, b"s")
        ),
        None,
    ),
    (
        commands.MoveFolder(1, 2, 3, b"set", "p", (EndedFile(b"set/\xff.jpg", STAMP),), (b"set/\xff.jpg",)),
        None,
    ),
    (commands.Discard(1, 2), None),
    (commands.TrimMemory(1), None),
    (commands.EngineConfig(1, "cv-unet", "auto", "auto", None, memory_gb=8), None),
    (commands.Infer(1, (2, 3), (4, 8), 1, commands.Sent.FULL), NET * 2),
]


def received(message: Message, accepts: Schema = EVERYTHING) -> Message:
    """The message after its way over the wire."""
    head, pixels = encode(message)
    follows = lengths(head[:HEADER_BYTES])
    assert follows == (len(head) - HEADER_BYTES, len(pixels))
    return decode(head[HEADER_BYTES:], pixels, accepts)


def refused(text: bytes, pixels: bytes = b"", accepts: Schema = EVERYTHING) -> str:
    """Why it does not fit, in one line."""
    with pytest.raises(MessageError) as caught:
        decode(text, pixels, accepts)
    told = str(caught.value)
    assert told
    assert "\n" not in told
    return told


@pytest.mark.parametrize("message", EACH, ids=lambda message: type(message[0]).__name__)
def test_every_message_arrives_as_it_was_sent(message: Message) -> None:
    assert received(message) == message
    assert type(received(message)[0]) is type(message[0])


def test_every_message_is_tried() -> None:
    assert {type(content).__name__ for content, _ in EACH} == set(EVERYTHING)


def test_whatever_a_worker_may_say_is_expected() -> None:
    """Only `WorkerDied` and `WorkerLeft` name a worker and are said of it, not by it."""
    told = {
        kind
        for kind in vars(events).values()
        if is_dataclass(kind) and "worker" in {each.name for each in fields(kind)}
    }
    assert told - {events.WorkerDied, events.WorkerLeft} == set(FROM_WORKER.values())


@pytest.mark.parametrize("length", [2**64 - 1, 2**63])
def test_a_file_may_announce_more_bytes_than_messages_have_numbers_for(length: int) -> None:
    start = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
    with pytest.raises(PictureError) as caught:
        read(start + struct.pack(">I4sQ", 1, b"mdat", length) + bytes(100), PictureLimits())
    assert str(length + len(start)) in str(caught.value)
    fault = events.Faulted(1, 2, Fault.BAD, caught.value.reason)
    assert received((fault, None)) == (fault, None)


@given(st.text(st.characters(exclude_categories=()), max_size=30), st.binary(max_size=30))
def test_any_path_arrives_whether_it_is_text_or_not(text: str, path: bytes) -> None:
    bench = commands.WorkerConfig(1, {2: path}, text, "i", PictureLimits(), FITTED, state_dir=text)
    assert received((bench, None)) == (bench, None)
    chore = commands.DoChore(1, 2, Chore.NOTE, (), (text, "plain"), 3, path, why(text))
    assert received((chore, None)) == (chore, None)


@pytest.mark.parametrize("message", EACH, ids=lambda message: type(message[0]).__name__)
def test_other_pixels_than_the_message_states_are_refused(message: Message) -> None:
    head, pixels = encode(message)
    assert "1 bytes of pixels do not belong to it" in refused(head[HEADER_BYTES:], b"x")
    more = len(pixels) + 1
    assert f"{more} bytes of pixels do not belong to it" in refused(head[HEADER_BYTES:], pixels + b"x")


def test_a_message_that_is_not_expected_here_is_refused() -> None:
    head, _ = encode((commands.TrimMemory(1), None))
    assert refused(head[HEADER_BYTES:], accepts=FROM_WORKER) == (
        "a message 'TrimMemory', which is not expected here"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"worker": "one", "pid": 2}, "Expected `int`, got `str` - at `$.worker`"),
        ({"worker": 1}, "missing required field `pid`"),
        ({"worker": 1, "pid": None}, " - at `$.pid`"),
        ([1, 2], "Expected `object`, got `array`"),
    ],
)
def test_fields_of_other_types_are_refused(content: object, why: str) -> None:
    for escaped in (False, True):
        told = refused(msgspec.msgpack.encode(("WorkerUp", content, escaped)))
        assert told.startswith("a message 'WorkerUp' that does not fit: ")
        assert why in told


class Code:
    """What pickle would run."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("it ran",)


def test_a_pickle_is_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not fit" in refused(pickle.dumps(Code()))
    assert capsys.readouterr().out == ""


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_no_bytes_bring_the_receiver_down(text: bytes, pixels: bytes) -> None:
    refused(text, pixels)


def test_a_header_of_another_version_says_what_to_do() -> None:
    head, _ = encode((commands.TrimMemory(1), None))
    with pytest.raises(MessageError, match="if it was updated meanwhile, restart the daemon"):
        lengths(b"\0\0\0\5" + head[4:HEADER_BYTES])


def test_nothing_is_reserved_for_lengths_that_no_message_has() -> None:
    head, _ = encode((commands.TrimMemory(1), None))
    for announced in (struct.pack("!IQ", LONGEST_TEXT + 1, 0), struct.pack("!IQ", 1, 1 << 62)):
        with pytest.raises(MessageError, match="more than any has"):
            lengths(head[:4] + announced)
