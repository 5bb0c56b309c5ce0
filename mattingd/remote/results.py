"""Check a remote worker's answer against its task, then write its files as a picture worker does."""

import math
from dataclasses import dataclass

from mattingd import words
from mattingd.domain.commands import Finish, Read, WorkerConfig
from mattingd.domain.events import Finished, SameResult
from mattingd.domain.jobs import NO_SUBJECT, Fault, PictureLimits
from mattingd.domain.presets import OutputFormat, Preset
from mattingd.domain.reasons import Reason, Reasons
from mattingd.domain.remote import RemoteFault, RemoteMade, RemotePicture, RemoteSick
from mattingd.imaging.formats.encode import File
from mattingd.imaging.matting import matte_file
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.touchup.matte_cache import MatteStore, name_of
from mattingd.workers.output_files import OutputFiles
from mattingd.workers.protocol import TASK_ANSWER, MessageError, unpacked


class ForgedError(Exception):
    """An answer does not match its task; the text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """A cut-out made elsewhere that belongs to the picture that was sent."""

    made: RemoteMade
    files: tuple[File, ...]
    matte: bytes


def task_of(number: int, finish: Finish, sha256: bytes, limits: PictureLimits) -> RemotePicture:
    """Return the task for a picture."""
    return RemotePicture(
        task=number,
        job=finish.job,
        sha256=sha256,
        presets=finish.presets,
        outputs=finish.outputs,
        limits=limits,
        weights=finish.model,
    )


def checked(block: object, asked: RemotePicture) -> Result | RemoteFault | RemoteSick:
    """Check the answer to a task.

    Raises:
        ForgedError: it is not an answer, or belongs to another task.
    """
    try:
        answer, data = unpacked(block, TASK_ANSWER)
    except MessageError as error:
        raise ForgedError(f"it answered with {error}") from error
    if (answer.task, answer.job) != (asked.task, asked.job):
        raise ForgedError("its answer belongs to another picture")
    if isinstance(answer, RemoteSick):
        return answer
    if isinstance(answer, RemoteFault):
        empty = answer.fault is Fault.BAD and answer.reason == NO_SUBJECT
        if answer.fault is not Fault.HERE and not (empty and asked.presets[0].on_empty == "fail"):
            raise ForgedError(f"it says of a picture what is judged here: {answer.fault.value}")
        _check_words((answer.reason,))
        return answer
    return _result(answer, data or b"", asked)


def _result(made: RemoteMade, data: bytes, asked: RemotePicture) -> Result:
    if made.sha256 != asked.sha256 or made.weights != asked.weights:
        raise ForgedError("its cut-out is of another picture, or by other weights")
    named, wanted = [file.path for file in made.files], [output.place.path for output in asked.outputs]
    if named != wanted:
        other = next((name for name in named if name not in wanted), "fewer files than it was asked for")
        raise ForgedError(f"its answer names another place: {other!r}")
    if [file.format for file in made.files] != [
        each for preset in asked.presets for each in formats_of(preset)
    ]:
        raise ForgedError("its answer has a file of another format")
    if not (math.isfinite(made.seconds) and made.seconds > 0 and 0 <= made.confidence <= 1):
        raise ForgedError("its seconds or its confidence cannot be")
    _check_words((*made.notes, *(file.remark for file in made.files if file.remark)))
    at, files = 0, list[File]()
    for file in made.files:
        files.append(File(data[at : at + file.size], file.format, file.width, file.height, file.remark))
        at += file.size
    matte = data[at:]
    if (found := matte_file.decode(matte)) is None or found[1] != made.weights:
        raise ForgedError("the matte in its answer is damaged")
    return Result(made, tuple(files), matte)


def formats_of(preset: Preset) -> tuple[OutputFormat, ...]:
    """Return the formats of a preset's files, in order."""
    return (preset.format, "png") if preset.matte_file else (preset.format,)


def _check_words(reasons: Reasons) -> None:
    """Check that a reason can be put into words in every language, because that happens much later."""
    for reason in reasons:
        params = dict(reason.params)
        for language in words.LANGUAGES:
            try:
                said = reason.told(language)
                words.note_happened(language, reason.code, params)
                words.note_advice(language, reason.code, params)
            except (LookupError, ValueError, TypeError, AttributeError) as error:
                raise ForgedError(f"it gives a reason without words: {reason.code[:40]!r}") from error
            if not said:
                raise ForgedError("it gives a reason that says nothing")


def write(
    result: Result, read: Read, finish: Finish, bench: WorkerConfig, disk: Disk
) -> Finished | SameResult:
    """Write the files to temp files, read them back and decode them: as if they were made here.

    Raises:
        Trouble: they cannot be written.
        PictureError: one of them is not a valid picture.
    """
    made, started = result.made, clock.monotonic_ns()
    files = OutputFiles(bench, disk)
    if files.same_as(finish.before, result.files):
        return SameResult(read.worker, read.job, made.seconds, made.confidence)
    outputs = tuple(
        files.write(read.job, place, file) for place, file in zip(finish.outputs, result.files, strict=True)
    )
    name = name_of(bench.roots[read.folder], read.path, made.seen)
    notes = made.notes
    try:
        MatteStore(disk, bench.mattes_root, f"{bench.instance}-{read.worker}").keep(name, result.matte)
    except OSError as error:
        notes = (*notes, Reason.of("matte_not_stored", error=error.strerror or ""))
    spent = clock.seconds_since(started)
    return Finished(
        worker=read.worker,
        job=read.job,
        outputs=outputs,
        seconds=made.seconds + spent,
        write_seconds=spent,
        notes=notes,
        confidence=made.confidence,
        device=made.device,
        precision=made.precision,
    )
