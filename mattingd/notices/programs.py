"""Run the team's programs when a picture or a drop is done: hooks."""

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from mattingd.system import clock


class ProgramError(Exception):
    """The program failed; the message says how."""


TOLD = 300
"""Characters of what it said on stderr that are kept."""


def run_program(command: Sequence[str], told: Mapping[str, Any], seconds: float) -> None:
    """Run a program with JSON on its stdin, and wait for its end.

    Args:
        command: the program and its arguments; no shell reads them.
        told: its input.
        seconds: after this time it is killed, with all its children.

    Raises:
        ProgramError: it cannot be started, did not end in time, or had another exit code than 0.
    """
    with ExitStack() as held:
        try:
            given = held.enter_context(tempfile.TemporaryFile())  # no program can keep us from writing it
            given.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
            given.seek(0)
            child = subprocess.Popen(
                [*command],
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ProgramError(f"it cannot be started: {error}") from None
        said = _ended(held.enter_context(child), seconds)
    if child.returncode:
        text = said.decode(errors="replace").strip()[-TOLD:]
        raise ProgramError(f"it ended with code {child.returncode}" + (f": {text}" if text else ""))


def _ended(child: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return the end of its output, once it and all its children have ended or closed their stderr."""
    last, pipe = bytearray(), child.stderr

    def read() -> None:
        while pipe is not None and (part := os.read(pipe.fileno(), 1 << 16)):
            last.extend(part)
            del last[: -4 * TOLD]  # a UTF-8 character has at most four bytes

    reader = threading.Thread(target=read, name="program-stderr", daemon=True)
    reader.start()
    began = clock.monotonic_ns()
    reader.join(seconds)
    with suppress(subprocess.TimeoutExpired):
        child.wait(max(0.0, seconds - clock.seconds_since(began)))
        if not reader.is_alive():
            return bytes(last)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    reader.join(1.0)
    raise ProgramError(f"it did not end within {seconds:g} s")
