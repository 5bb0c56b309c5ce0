"""The picture worker: reads a picture, keeps it while its matte is made, finishes, writes and publishes it.

One process, one operation at a time. It decides nothing: it says what happened and the scheduler says what is
next. A hostile picture takes down this process and no other.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mattingd.domain.commands import Discard, DoChore, Finish, Publish, Read, TrimMemory, WorkerConfig
from mattingd.domain.events import (
    AnotherPass,
    ChoreDone,
    Fact,
    Faulted,
    Finished,
    NameOccupied,
    NeedsRoom,
    Published,
    ReadOk,
    SameResult,
    TempFileMissing,
    WorkerUp,
)
from mattingd.domain.jobs import NO_SUBJECT, Chore, Fault, Output, Stamp
from mattingd.domain.picture_names import ends_like_a_picture
from mattingd.domain.presets import Pin, Preset
from mattingd.imaging.finishing import compose, plugins
from mattingd.imaging.finishing.background import Backdrop, Backdrops
from mattingd.imaging.finishing.background import remarks as enlarged
from mattingd.imaging.formats import decode, encode
from mattingd.imaging.formats.decode import Picture, PictureError
from mattingd.imaging.formats.encode import File
from mattingd.imaging.formats.errors import is_out_of_memory
from mattingd.imaging.matting import matte_file, touchup_solver
from mattingd.imaging.matting.alpha import finish
from mattingd.imaging.matting.second_pass import Passes
from mattingd.imaging.matting.tiles import UInt8, eight_bits
from mattingd.outputs import backgrounds
from mattingd.outputs.archive import OriginalsStore, Source
from mattingd.outputs.error_notes import note_text
from mattingd.outputs.write_faults import only_this_place, told_of_place
from mattingd.system import clock
from mattingd.system.filesystem import TEMP_PREFIX, Disk, NotAFileError, output_root_marker, wrong_output_root
from mattingd.touchup import load
from mattingd.touchup.load import ChangedError, Mattes, Stroke
from mattingd.touchup.matte_cache import name_of

MEGABYTE = 1_000_000
ALL_TRANSPARENT = "all of it is transparent: show its layers, and export it anew"
OWN_ALPHA = "it was cut out already: its own transparency is kept"
NO_CONFIDENCE, SURE = 0.0, 1.0
"""In the cut-out of a picture that may not be all there: somebody should look at it."""


Answer = tuple[Fact, bytes | None]
"""A fact and, beside it, pixels in transit."""

_KINDS = {"unsupported": Fault.UNSUPPORTED, "truncated": Fault.TRUNCATED}
"""Of a file that is read. What was read, and cannot be finished, failed."""


class Trouble(Exception):  # noqa: N818 - a fault on its way to becoming a fact
    """An operation cannot go on; becomes a `Faulted`."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


def _mattes(disk: Disk, bench: WorkerConfig) -> Mattes:
    return Mattes(disk, bench.mattes_root, f"{bench.instance}-{bench.worker}")


def give_memory_back() -> None:
    """Return the freed memory that is kept for the next picture to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


@dataclass(slots=True)
class Held:
    """A picture that waits for the network."""

    picture: Picture
    passes: Passes
    matte: str
    """Under which name its mattes are stored."""
    marks: UInt8 | None
    """What a person painted, uint8[H,W], see `touching`: who paints says where the subject is."""
    seconds: float = 0.0
    """Spent on its second pass so far."""


class Worker:
    """Does the operations of one worker process."""

    def __init__(self, bench: WorkerConfig, disk: Disk) -> None:
        self.bench = bench
        self.disk = disk
        self._mattes = _mattes(disk, bench)
        self._originals = OriginalsStore(disk, bench.archive_root, bench.instance)
        self._held: dict[int, Held] = {}
        self._backdrops = Backdrops()

    def perform(self, command: Any, payload: bytes | None) -> Answer | None:
        """Do one command; None for those that are not answered.

        Args:
            command: `Read`, `Finish`, `Publish`, `DoChore`, `Discard`, `TrimMemory` or `WorkerConfig`.
            payload: for `Finish` the matte, float32[net_h,net_w] as bytes, unless it was recalled.
        """
        match command:
            case WorkerConfig():
                self.bench, self._mattes = command, _mattes(self.disk, command)
                return None
            case Discard(job=job):
                self._held.pop(job, None)
                return None
            case TrimMemory():
                give_memory_back()
                return None
            case DoChore():
                return self._chore(command), None
        try:
            return self._operate(command, payload)
        except Trouble as trouble:
            fault = Faulted(self.bench.worker, command.job, trouble.fault, trouble.reason)
        except PictureError as error:
            kind = _fault_of(error, command)
            fault = Faulted(self.bench.worker, command.job, kind, str(error))
        except (ValueError, cv2.error, ArithmeticError, LookupError, MemoryError) as error:
            reason = f"it could not be processed ({type(error).__name__}: {error})"
            if is_out_of_memory(error):
                reason = "it needs more memory than pictures may have here: make it smaller"
            fault = Faulted(self.bench.worker, command.job, Fault.BAD, " ".join(reason.split()))
        self._held.pop(command.job, None)
        return fault, None

    def _operate(self, command: Read | Finish | Publish, payload: bytes | None) -> Answer:
        match command:
            case Read():
                return self._read(command)
            case Finish():
                return self._finish(command, payload or b"")
            case Publish():
                return self._publish(command), None

    # --- read ---

    def _read(self, command: Read) -> Answer:
        started = clock.monotonic_ns()
        for output in command.try_first:
            self._try_place(command.job, output)
        with _source_faults(), self.disk.source(self.bench.roots[command.folder], command.path) as file:
            self._same(file, command.stamp)
            self._not_too_heavy(command.stamp.size)
            data = self.disk.read_all(file, command.stamp.size)
            self._same(file, command.stamp)
            strokes = self._strokes(command)
        limits = self.bench.limits
        room = max(decode.probe(data, limits).room, load.room(strokes, limits))
        if room > command.grant:
            return NeedsRoom(self.bench.worker, command.job, room), None
        picture = decode.read(data, limits)
        marks = load.marks(strokes, limits, picture.srgb.shape[:2])
        if picture.alpha is not None and not picture.alpha.any():
            raise Trouble(Fault.BAD, ALL_TRANSPARENT)
        digest = hashlib.sha256(data).digest()
        name = name_of(self.bench.roots[command.folder], command.path, digest)
        passes = Passes(picture.srgb, side=self.bench.side, multiple=self.bench.multiple)
        recalled = self._mattes.recall(name, passes) if marks.digest and command.recall else None
        net = None if recalled is not None else passes.net().tobytes()
        self._held[command.job] = Held(picture, passes, name, marks.plane)
        said = ReadOk(
            worker=self.bench.worker,
            job=command.job,
            sha256=digest,
            fit=passes.fit,
            seconds=_since(started),
            notes=picture.notes + picture.doubts + marks.notes,
            room=room,
            painted=marks.digest,
            recalled=recalled,
            cut_out=picture.is_cut_out,
        )
        return said, net

    def _strokes(self, command: Read) -> list[Stroke]:
        root = self.bench.roots[command.folder]
        try:
            return load.read(self.disk, root, command.path, command.stamp, self.bench.limits)
        except ChangedError:
            raise Trouble(Fault.CHANGED, "its strokes were saved again while it waited") from None

    def _same(self, file: int, admitted: Stamp) -> None:
        """Size and time are those the job was admitted with: before and after every byte was read."""
        now = self.disk.stamp(file)
        if (now.size, now.mtime_ns) != (admitted.size, admitted.mtime_ns):
            raise Trouble(Fault.CHANGED, "it was saved again while it waited")

    def _not_too_heavy(self, size: int) -> None:
        if size == 0:
            raise Trouble(Fault.BAD, "the file is empty; copy it again")
        if size > self.bench.limits.max_megabytes * MEGABYTE:
            limit = self.bench.limits.max_megabytes
            raise Trouble(
                Fault.BAD,
                f"the file has {size / MEGABYTE:.0f} MB, more than the {limit:g} MB that"
                " `limits.max_megabytes` allows; make it smaller or raise the limit",
            )

    # --- finish ---

    def _finish(self, command: Finish, answer: bytes) -> Answer:
        """The files or, if a second pass promises more, the network's input for it, and the files later."""
        started = clock.monotonic_ns()
        held = self._held[command.job]
        first, remarks = command.presets[0], tuple[str, ...]()
        if held.picture.doubts and first.on_damage == "fail":
            raise Trouble(Fault.BAD, f"{held.picture.doubts[0]}; `on_damage` says that this fails")
        own = held.picture.alpha if held.picture.is_cut_out and first.own_alpha == "keep" else None
        if answer:
            small = matte_file.rounded(np.frombuffer(answer, np.float32).reshape(held.passes.shape))
            if held.passes.take(small, "never" if own is not None else first.second_pass):
                net = held.passes.net().tobytes()
                held.seconds += _since(started)
                return AnotherPass(self.bench.worker, command.job, held.passes.shape), net
            told = own is not None or held.marks is not None
            if held.passes.is_empty and not told and first.on_empty == "fail":
                raise Trouble(Fault.BAD, NO_SUBJECT)
            remarks = self._mattes.store(held.matte, held.passes.taken, command.model)
        sure, alpha = held.passes.confidence(), held.passes.matte()
        if own is not None:
            sure, alpha, remarks = SURE, eight_bits(own), (*remarks, OWN_ALPHA)
        if held.marks is not None:
            alpha = touchup_solver.touch_up(alpha, held.picture.srgb, held.marks)
        files: list[File] = []
        for preset in command.presets:
            with _named(command.outputs[len(files)] if len(command.presets) > 1 else None):
                more, said, doubts = self._made(held.picture, alpha, preset, own=own is not None)
            files += more
            remarks += (*said, *doubts)
            sure = NO_CONFIDENCE if doubts else sure
        if self._stand_already(command.before, files):
            seconds = held.seconds + _since(started)
            return SameResult(self.bench.worker, command.job, seconds, sure), None
        cut = clock.monotonic_ns()
        outputs = [
            self._write(command.job, place, file) for place, file in zip(command.outputs, files, strict=True)
        ]
        finished = Finished(
            worker=self.bench.worker,
            job=command.job,
            outputs=tuple(outputs),
            seconds=held.seconds + _since(started),
            write_seconds=_since(cut),
            notes=tuple(dict.fromkeys(remarks)),
            confidence=NO_CONFIDENCE if held.picture.doubts else sure,
        )
        return finished, None

    def _stand_already(self, before: tuple[Output, ...], files: list[File]) -> bool:
        """Whether these very files are the last result, and lie where they were published."""
        if len(before) != len(files):
            return False
        same = all(
            (output.size, output.sha256) == (len(file.data), hashlib.sha256(file.data).digest())
            for output, file in zip(before, files, strict=True)
        )
        return same and all(self._is_ours(self._path(output.place.path), output) for output in before)

    def _made(
        self, picture: Picture, alpha: UInt8, preset: Preset, *, own: bool
    ) -> tuple[tuple[File, ...], tuple[str, ...], tuple[str, ...]]:
        """The files of one preset, what a person should know of them, and why they need checking."""
        backdrop = self._backdrop(preset)
        files, doubts = cut_out(picture, alpha, preset, backdrop, own=own)
        remarks = encode.remarks(picture.rgb, preset)
        remarks += tuple(file.remark for file in files if file.remark)
        if backdrop is not None:
            remarks += enlarged(backdrop, files[0].width, files[0].height)
        return files, remarks, doubts

    def _backdrop(self, preset: Preset) -> Backdrop | None:
        """The background, where it is a picture and wanted: the one that the settings were frozen with."""
        pin = Pin.of(preset.background)
        if pin is None or preset.content == "matte":
            return None
        try:
            return self._backdrops.of(pin.sha256, lambda: backgrounds.read_copy(self.bench.state_dir, pin))
        except OSError as error:
            copy = backgrounds.copy_of(self.bench.state_dir, pin)
            reason = f"the background {pin.path!r} cannot be read from {str(copy)!r}: {error.strerror}; "
            raise Trouble(Fault.BUSY, reason + "`mattingd reload` copies it there anew") from error

    def _write(self, job: int, output: Output, file: File) -> Output:
        """Write a temp file, read it back and decode it: only what was seen whole is prepared."""
        temp = self._temp(job, output)
        with self._output_faults(output):
            self._at_home()
            self.disk.make_directories(os.path.dirname(temp))
            self.disk.write(temp, file.data)
            written = self.disk.read_back(temp)
        if written != file.data:
            raise Trouble(Fault.OUTPUT, "what was read back from the output disk is not what was written")
        encode.verify(file, written)
        name = os.path.basename(temp)
        return Output(output.ordinal, output.place, name, hashlib.sha256(written).digest(), len(written))

    def _try_place(self, job: int, output: Output) -> None:
        """Write nothing yet, but see whether it could be: that costs no work of the model."""
        temp = self._temp(job, output)
        with self._output_faults(output):
            self._at_home()
            self.disk.make_directories(os.path.dirname(temp))
            self.disk.write(temp, b"")
            self.disk.remove(temp)

    # --- publish ---

    def _publish(self, command: Publish) -> Fact:
        """Also takes up an interrupted publication: every step may have been done before.

        No output gets its name before all are seen to be ready for theirs.
        """
        started = clock.monotonic_ns()
        ready: list[tuple[Output, str, str]] = []
        for output in command.outputs:
            final = self._path(output.place.path)
            temp = self._temp(command.job, output)
            with self._output_faults(output):
                self._at_home()
                if self._is_ours(final, output):
                    self.disk.remove(temp)
                elif self.disk.size(final) is not None:
                    return NameOccupied(self.bench.worker, command.job, output.ordinal)
                elif self.disk.size(temp) != output.size:
                    return TempFileMissing(self.bench.worker, command.job)
                else:
                    ready.append((output, temp, final))
        for output, temp, final in ready:
            with self._output_faults(output):
                if not self.disk.publish(temp, final):
                    return NameOccupied(self.bench.worker, command.job, output.ordinal)
        directories = {os.path.dirname(self._path(each.place.path)): each for each in command.outputs}
        for directory, output in directories.items():
            with self._output_faults(output):
                self.disk.sync_directory(directory)
        return Published(self.bench.worker, command.job, _since(started))

    def _is_ours(self, final: str, output: Output) -> bool:
        """Whether the final name already holds just what was prepared."""
        if output.size is None or self.disk.size(final) != output.size:
            return False
        try:
            return hashlib.sha256(self.disk.read_back(final)).digest() == output.sha256
        except OSError:
            return False

    # --- chores ---

    def _chore(self, command: DoChore) -> Fact:
        where = ""
        try:
            match command.chore:
                case Chore.ORIGINAL:
                    where = self._put_away(command)
                case Chore.NOTE:
                    self._write_note(command)
                case Chore.REMOVE_NOTE:
                    self._remove_notes(command.notes)
                case Chore.SWEEP:
                    temps = [self._temp(command.job, output) for output in command.outputs]
                    for temp in (*temps, *(self._note_temp(command.job, note) for note in command.notes)):
                        self.disk.remove(temp)
        except (OSError, UnicodeError) as error:
            return self._chore_failed(command, error)
        return ChoreDone(self.bench.worker, command.job, command.chore, where=where)

    def _chore_failed(self, command: DoChore, error: OSError | UnicodeError) -> ChoreDone:
        alone = self._concerns_one_place(error)
        reason = getattr(error, "strerror", None) or str(error)
        if alone and command.chore is Chore.NOTE:
            reason = told_of_place(error, "the error note", ", ".join(command.notes))
        return ChoreDone(self.bench.worker, command.job, command.chore, reason, alone=alone)

    def _put_away(self, command: DoChore) -> str:
        """Move or delete the original of a job whose outputs all stand as they were made; else it stays."""
        self._at_home()
        root, original = self.bench.roots.get(command.folder), command.original
        if root is None:
            return ""
        source = Source(root, command.source, command.job)
        stand = all(self._is_ours(self._path(output.place.path), output) for output in command.outputs)
        deletes_all_there_is = original is not None and original.deed == "delete" and not command.outputs
        if original is None or not stand or deletes_all_there_is:
            self._originals.put_back(source)
            return ""
        return self._originals.put_away(source, original)

    def _write_note(self, command: DoChore) -> None:
        self._at_home()
        for note in command.notes:
            final = self._path(note)
            directory = os.path.dirname(final)
            self.disk.make_directories(directory)
            temp = self._note_temp(command.job, note)
            root = self.bench.roots.get(command.folder, b"")
            self.disk.write(temp, note_text(os.path.join(root, command.source), command.reason))
            self.disk.replace(temp, final)
            self.disk.sync_directory(directory)

    def _remove_notes(self, notes: tuple[str, ...]) -> None:
        """Remove notes, and the folders that held nothing else, up to `_failed`."""
        for note in notes:
            self.disk.remove(self._path(note))
            directory = os.path.dirname(note)
            while "_failed" in directory.split("/") and self._removed(directory):
                directory = os.path.dirname(directory)

    def _removed(self, directory: str) -> bool:
        return self.disk.remove_directory_if_empty(self._path(directory))

    # --- small ---

    @contextlib.contextmanager
    def _output_faults(self, output: Output) -> Iterator[None]:
        """What goes wrong on the output side is never the picture's fault: its place's, or everybody's."""
        try:
            yield
        except (OSError, UnicodeError) as error:
            if self._concerns_one_place(error):
                raise Trouble(Fault.PLACE, told_of_place(error, "the cut-out", output.place.path)) from error
            reason = f"the cut-out cannot be written: {getattr(error, 'strerror', None) or error}"
            raise Trouble(Fault.OUTPUT, reason) from error

    def _concerns_one_place(self, error: OSError | UnicodeError) -> bool:
        """Whether others can be written; on a bare mount point nothing is, not even to try it out."""
        try:
            self._at_home()
        except OSError:
            return False
        trial = f"{TEMP_PREFIX}{self.bench.instance}-trial-{self.bench.worker}.tmp"
        return only_this_place(error, self.disk, self.bench.output_root, trial)

    def _at_home(self) -> None:
        """Raise OSError where an empty mount point lies in the place of the output folder."""
        root, mark = self.bench.output_root, output_root_marker(self.bench.instance)
        if self.bench.marked and self.disk.size(os.path.join(root, mark)) is None:
            raise OSError(errno.ENODEV, wrong_output_root("the output folder", root, mark))

    def _path(self, relative: str) -> str:
        return os.path.join(self.bench.output_root, relative)

    def _temp(self, job: int, output: Output) -> str:
        """Hidden, in the target's directory, and the same name at every attempt."""
        directory = os.path.dirname(self._path(output.place.path))
        return os.path.join(directory, f"{TEMP_PREFIX}{self.bench.instance}-{job}-{output.ordinal}.tmp")

    def _note_temp(self, job: int, note: str) -> str:
        """The same for an error note."""
        directory = os.path.dirname(self._path(note))
        return os.path.join(directory, f"{TEMP_PREFIX}{self.bench.instance}-{job}-note.tmp")


def _fault_of(error: PictureError, command: Read | Finish | Publish) -> Fault:
    """What a picture's error means; no picture under a picture's name failed, under others it is ignored."""
    if not isinstance(command, Read):
        return Fault.BAD
    fault = _KINDS.get(error.kind, Fault.BAD)
    named_so = ends_like_a_picture(os.path.basename(command.path))
    return Fault.BAD if fault is Fault.UNSUPPORTED and named_so else fault


def cut_out(
    picture: Picture, alpha: UInt8, preset: Preset, backdrop: Backdrop | None = None, *, own: bool = False
) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """From a picture and its matte, uint8[H,W], to the files of a preset, and why they need checking.

    A matte that is the picture's ``own`` alpha is no model's guess: nothing in it is tidied up.
    """
    matte = alpha if own else finish(alpha, preset)
    composed = compose.compose(picture, matte, preset, backdrop)
    return encode.files(plugins.finished(composed, preset.finisher), preset), composed.doubts


@contextlib.contextmanager
def _source_faults() -> Iterator[None]:
    """What goes wrong on the source side, by what it means for the picture."""
    try:
        yield
    except NotAFileError as error:
        raise Trouble(Fault.UNSUPPORTED, error.strerror or "it is no file") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Trouble(Fault.GONE, "it was taken out of the hot folder before it was read") from error
    except PermissionError as error:
        reason = "it may not be read: give the daemon's user the right to read it"
        raise Trouble(Fault.BUSY, reason) from error
    except OSError as error:
        raise Trouble(Fault.BUSY, f"it cannot be read at present: {error.strerror}") from error


@contextlib.contextmanager
def _named(output: Output | None) -> Iterator[None]:
    """Of several outputs, say which one cannot be made."""
    try:
        yield
    except PictureError as error:
        if output is None:
            raise
        raise PictureError(error.kind, f"{os.path.basename(output.place.path)}: {error}") from error


def _since(started: int) -> float:
    return (clock.monotonic_ns() - started) / clock.SECOND


def _memory() -> int:
    """Bytes that this process takes."""
    with open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[0]) * resource.getpagesize()


def _limit_memory(wanted: int) -> None:
    """This process may take so many bytes in all: beyond them a picture fails, and nothing else.

    A limit is never lowered: a picture in work may have been promised more.
    """
    now, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if now == resource.RLIM_INFINITY or now < limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def serve(
    receive: Callable[[], tuple[Any, bytes | None]], send: Callable[[Answer], None], disk: Disk
) -> None:
    """The life of a worker process: get a bench, say that it is up, do what comes.

    Args:
        receive: the next (command, payload); raises EOFError when the daemon is gone.
        send: an answer.
        disk: file operations.
    """
    cv2.setNumThreads(1)
    bench, _ = receive()
    before = _memory()
    if bench.memory is not None:
        _limit_memory(before + bench.memory)
    worker = Worker(bench, disk)
    send((WorkerUp(bench.worker, os.getpid()), None))
    while True:
        command, payload = receive()
        if isinstance(command, WorkerConfig) and command.memory is not None:
            _limit_memory(before + command.memory)
        answer = worker.perform(command, payload)
        if answer is not None:
            send(answer)
