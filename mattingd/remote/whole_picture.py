"""On the remote worker: from a picture's bytes to the files of its cut-out, with an engine that stays loaded.

Knows messages and the engine; must not know Dask.
"""

import hashlib
import threading

import cv2
import numpy as np

from mattingd import __version__
from mattingd.domain.commands import Infer
from mattingd.domain.events import EngineUp, Inferred
from mattingd.domain.jobs import NO_SUBJECT, Fault
from mattingd.domain.reasons import Reason
from mattingd.domain.remote import RemoteFacts, RemoteFault, RemoteFile, RemoteMade, RemotePicture, RemoteSick
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting import matte_file
from mattingd.imaging.matting.second_pass import Passes
from mattingd.inference import server
from mattingd.inference.backend import Engine, EngineError, EngineFault
from mattingd.system import clock
from mattingd.workers import making
from mattingd.workers.protocol import MOST_PIXELS, SCHEMA, TASK, MessageError, packed, unpacked
from mattingd.workers.trouble import Trouble

CANNOT = (PictureError, EngineError, ValueError, cv2.error, ArithmeticError, LookupError, MemoryError)
"""A picture that fails here is judged by the machine that asked."""


class NotHere(ValueError):  # noqa: N818 - an answer, not an error
    """This machine cannot process this picture; the requesting one can."""


class WholePictures:
    """One engine, and everything else that a picture needs. May be used by several threads at once."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        up: EngineUp,
        memory_bytes: int,
        threads: int,
        most: int = MOST_PIXELS,
    ) -> None:
        """The engine is loaded, warm and tested.

        Args:
            name: this worker's name for users.
            engine: used by one thread at a time.
            up: its report when it came up.
            memory_bytes: memory limit of this process.
            threads: number of pictures at once.
            most: maximum bytes of an answer's files.
        """
        self._name = name
        self._engine = engine
        self._up = up
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._most = most
        self._turn = threading.Lock()
        self._tested = clock.monotonic_ns()
        self.sick = ""
        """Why the engine is of no more use; empty while it is well."""

    def facts(self) -> bytes:
        """Return the facts that the daemon compares with its own, as a packed `RemoteFacts`."""
        facts = RemoteFacts(
            name=self._name,
            version=__version__,
            schema=SCHEMA,
            weights=self._up.model_sha256,
            model=self._up.model,
            device=self._up.device,
            precision=self._up.precision,
            memory_bytes=self._memory_bytes,
            threads=self._threads,
        )
        return packed((facts, None))

    def make(self, block: bytes) -> bytes:
        """Answer a packed `RemotePicture` with a packed `RemoteMade`, `RemoteFault` or `RemoteSick`.

        Raises:
            MessageError: it is another message.
        """
        task, data = unpacked(block, TASK)
        try:
            made, files = self._made(task, data or b"")
            if len(files) > self._most:
                raise NotHere(f"its files have {len(files)} bytes, more than can be sent")
        except EngineFault as error:
            self.sick = str(error)
            return packed((RemoteSick(task.task, task.job, str(error)), None))
        except Trouble as trouble:
            fault = Fault.BAD if trouble.reason == NO_SUBJECT else Fault.HERE
            return packed((RemoteFault(task.task, task.job, fault, trouble.reason), None))
        except CANNOT as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            reason = (
                error.reason if isinstance(error, PictureError) else Reason.of("not_processed", error=said)
            )
            return packed((RemoteFault(task.task, task.job, Fault.HERE, reason), None))
        return packed((made, files))

    def _made(self, task: RemotePicture, data: bytes) -> tuple[RemoteMade, bytes]:
        started = clock.monotonic_ns()
        if task.weights != self._up.model_sha256:
            raise NotHere("other weights are in use here")
        digest = hashlib.sha256(data).digest()
        if digest != task.sha256:
            raise MessageError("the picture is not the one that the task names")
        picture = making.opened(data, task.limits)
        held = making.Held(picture, Passes(picture.srgb, self._engine.spec.net))
        making.refuse_damage(held, task.presets[0])
        first_sure = self._take_mattes(held, task)
        making.refuse_empty(held, task.presets[0])
        made = making.make(held, task.presets, task.outputs, lambda _: None)
        matte = matte_file.encode(held.passes.taken, task.weights)
        files = tuple(
            RemoteFile(output.place.path, file.format, file.width, file.height, len(file.data), file.remark)
            for output, file in zip(task.outputs, made.files, strict=True)
        )
        answer = RemoteMade(
            task=task.task,
            job=task.job,
            sha256=digest,
            weights=self._up.model_sha256,
            files=files,
            matte=len(matte),
            seen=matte_file.fingerprint(picture.srgb),
            notes=tuple(dict.fromkeys((*picture.notes, *picture.doubts, *made.remarks))),
            confidence=first_sure if made.sure is None else made.sure,
            device=self._up.device,
            precision=self._up.precision,
            seconds=clock.seconds_since(started),
        )
        return answer, b"".join([*(file.data for file in made.files), matte])

    def _take_mattes(self, held: making.Held, task: RemotePicture) -> float:
        """Run all passes; returns the confidence in the first matte."""
        first, sure = task.presets[0], 0.0
        told = held.picture.is_cut_out and first.own_alpha == "keep"
        nth = 0
        while True:
            fact, matte = self._infer(held.passes.net())
            if nth == 0:
                sure = fact.confidence[0]
                if fact.empty[0] and first.on_empty == "fail" and not told:
                    raise Trouble(Fault.BAD, NO_SUBJECT)
            nth += 1
            if not making.another_pass(held, matte, first):
                return sure

    def _infer(self, net: np.ndarray) -> tuple[Inferred, bytes]:
        """Return the matte of one network input, exactly as a local engine would.

        Raises:
            EngineFault: the engine is unusable.
            NotHere: it made no matte of this input.
        """
        height, width = net.shape[:2]
        with self._turn:
            answer, matte = server.infer(self._engine, Infer(0, (0,), (height, width), 0), net.tobytes())
            if self._tested + server.TEST_EVERY_NS <= clock.monotonic_ns():
                server.prove(self._engine)
                self._tested = clock.monotonic_ns()
        if not isinstance(answer, Inferred) or matte is None:
            raise NotHere(getattr(answer, "reason", "no matte"))
        return answer, matte
