"""The picture worker: reads a picture, holds it while its matte is made, finishes, writes and publishes it.

One process, one operation at a time. It makes no decisions: it reports what happened, and the scheduler says
what is next. A hostile picture crashes this process and no other.
"""

import hashlib
import os
from collections.abc import Callable
from typing import Any

import cv2

from mattingd.domain.commands import (
    Discard,
    DoChore,
    Finish,
    MoveFolder,
    Publish,
    Read,
    TrimMemory,
    WorkerConfig,
)
from mattingd.domain.events import (
    AnotherPass,
    EarlierGone,
    Fact,
    Faulted,
    Finished,
    NeedsRoom,
    ReadOk,
    SameContent,
    SameResult,
    WorkerUp,
)
from mattingd.domain.jobs import Fault
from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging import threads
from mattingd.imaging.formats import decode
from mattingd.imaging.formats.decode import PictureError
from mattingd.imaging.formats.errors import is_out_of_memory
from mattingd.imaging.matting import matte_file
from mattingd.imaging.matting.second_pass import Passes
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.touchup import load
from mattingd.touchup.load import ChangedError, Mattes, Stroke
from mattingd.touchup.matte_cache import name_of
from mattingd.workers import making
from mattingd.workers.background_pictures import BackgroundPictures
from mattingd.workers.chores import Cleanup
from mattingd.workers.making import Held
from mattingd.workers.output_files import OutputFiles
from mattingd.workers.process_memory import give_memory_back, limit_memory, memory
from mattingd.workers.publisher import Publisher
from mattingd.workers.sources import source_bytes
from mattingd.workers.trouble import Trouble, fault_of

Answer = tuple[Fact, bytes | None]
"""A fact and, beside it, pixels in transit."""


class Worker:
    """Carries out the operations of one worker process."""

    def __init__(self, bench: WorkerConfig, disk: Disk) -> None:
        self.disk = disk
        self._held: dict[int, Held] = {}
        self._backgrounds = BackgroundPictures()
        self._configure(bench)

    def _configure(self, bench: WorkerConfig) -> None:
        self.bench, self._backgrounds.state_dir = bench, bench.state_dir
        self._mattes = Mattes(self.disk, bench.mattes_root, f"{bench.instance}-{bench.worker}")
        self._files = OutputFiles(bench, self.disk)
        self._publisher = Publisher(bench, self.disk, self._files)
        self._cleanup = Cleanup(bench, self.disk, self._files)

    def perform(self, command: Any, payload: bytes | None) -> Answer | None:
        """Carry out one command; returns None for those without an answer.

        Args:
            command: `Read`, `Finish`, `Publish`, `DoChore`, `MoveFolder`, `Discard`, `TrimMemory` or
                `WorkerConfig`.
            payload: for `Finish` the matte, float32[net_h,net_w] as bytes, unless it was recalled.
        """
        match command:
            case WorkerConfig():
                self._configure(command)
                return None
            case Discard(job=job):
                self._held.pop(job, None)
                return None
            case TrimMemory():
                give_memory_back()
                return None
            case DoChore() | MoveFolder():
                return self._cleanup.perform(command), None
        try:
            return self._operate(command, payload)
        except Trouble as trouble:
            fault = Faulted(self.bench.worker, command.job, trouble.fault, trouble.reason)
        except PictureError as error:
            kind = fault_of(error, command)
            fault = Faulted(self.bench.worker, command.job, kind, error.reason)
        except (ValueError, cv2.error, ArithmeticError, LookupError, MemoryError) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            reason = Reason.of("not_processed", error=said)
            if is_out_of_memory(error):
                reason = Reason.of("out_of_memory")
            fault = Faulted(self.bench.worker, command.job, Fault.BAD, reason)
        self._held.pop(command.job, None)
        return fault, None

    def _operate(self, command: Read | Finish | Publish, payload: bytes | None) -> Answer:
        match command:
            case Read():
                return self._read(command)
            case Finish():
                with threads.allowed(command.threads):
                    return self._finish(command, payload or b"")
            case Publish():
                return self._publisher.publish(command), None

    # --- read ---

    def _read(self, command: Read) -> Answer:
        started = clock.monotonic_ns()
        for output in command.try_first:
            self._files.try_place(command.job, output)
        root = self.bench.roots[command.folder]
        with source_bytes(self.disk, root, command, self.bench.limits) as data:
            strokes = self._strokes(command)
        digest = hashlib.sha256(data).digest()
        if digest == command.known and self._files.all_stand(command.standing):
            return SameContent(self.bench.worker, command.job, digest), None
        limits = self.bench.limits
        room = max(decode.probe(data, limits).room, load.room(strokes, limits))
        if room > command.grant:
            return NeedsRoom(self.bench.worker, command.job, room), None
        picture = making.opened(data, limits)
        marks = load.marks(strokes, limits, picture.srgb.shape[:2])
        seen = matte_file.fingerprint(picture.srgb)
        name = name_of(self.bench.roots[command.folder], command.path, seen)
        passes = Passes(picture.srgb, command.net or self.bench.net)
        wanted = None if marks.digest else command.model
        recalled = self._mattes.recall(name, passes, wanted) if command.recall and wanted != "" else None
        net = None if recalled is not None else passes.net().tobytes()
        self._held[command.job] = Held(picture, passes, name, marks.plane)
        said = ReadOk(
            worker=self.bench.worker,
            job=command.job,
            sha256=digest,
            fit=passes.fit,
            seconds=clock.seconds_since(started),
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
            raise Trouble(Fault.CHANGED, Reason.of("strokes_changed")) from None

    # --- finish ---

    def _finish(self, command: Finish, answer: bytes) -> Answer:
        """Return the files or, if a second pass may improve them, the network's input for it."""
        started = clock.monotonic_ns()
        if command.same:
            return self._copied(command), None
        held = self._held[command.job]
        first, remarks = command.presets[0], Reasons()
        making.refuse_damage(held, first)
        if answer:
            if making.another_pass(held, answer, first):
                net = held.passes.net().tobytes()
                held.seconds += clock.seconds_since(started)
                return AnotherPass(self.bench.worker, command.job, held.passes.shape), net
            making.refuse_empty(held, first)
            remarks = self._mattes.store(held.matte, held.passes.taken, command.model)
        made = making.make(held, command.presets, command.outputs, self._backgrounds.of)
        files, sure, remarks = made.files, made.sure, (*remarks, *made.remarks)
        if self._files.same_as(command.before, files):
            seconds = held.seconds + clock.seconds_since(started)
            return SameResult(self.bench.worker, command.job, seconds, sure), None
        cut = clock.monotonic_ns()
        outputs = [
            self._files.write(command.job, place, file)
            for place, file in zip(command.outputs, files, strict=True)
        ]
        finished = Finished(
            worker=self.bench.worker,
            job=command.job,
            outputs=tuple(outputs),
            seconds=held.seconds + clock.seconds_since(started),
            write_seconds=clock.seconds_since(cut),
            notes=tuple(dict.fromkeys(remarks)),
            confidence=sure,
        )
        return finished, None

    def _copied(self, command: Finish) -> Finished | EarlierGone:
        """Copy the cut-outs of the same picture, if they are there as they were published."""
        started = clock.monotonic_ns()
        pairs = zip(command.outputs, command.same, strict=True)
        outputs = [self._files.copy(command.job, output, earlier) for output, earlier in pairs]
        if None in outputs:
            return EarlierGone(self.bench.worker, command.job)
        seconds = clock.seconds_since(started)
        copies = tuple(output for output in outputs if output is not None)
        return Finished(self.bench.worker, command.job, copies, seconds, seconds)


def serve(
    receive: Callable[[], tuple[Any, bytes | None]], send: Callable[[Answer], None], disk: Disk
) -> None:
    """Run a worker process: get its configuration, report that it is up, carry out commands.

    Args:
        receive: returns the next (command, payload); raises EOFError when the daemon is gone.
        send: sends an answer.
        disk: file operations.
    """
    cv2.setNumThreads(1)
    bench, _ = receive()
    before = memory()
    if bench.memory is not None:
        limit_memory(before + bench.memory)
    worker = Worker(bench, disk)
    send((WorkerUp(bench.worker, os.getpid()), None))
    while True:
        command, payload = receive()
        if isinstance(command, WorkerConfig) and command.memory is not None:
            limit_memory(before + command.memory)
        answer = worker.perform(command, payload)
        if answer is not None:
            send(answer)
