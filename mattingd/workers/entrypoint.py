"""The program of a child process, not for people.

`python -m mattingd.child worker|engine SOCKET PARENT`, or `background PIN...`.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, cast

from mattingd.domain.presets import Pin
from mattingd.workers.process import connect
from mattingd.workers.protocol import TO_ENGINE, TO_WORKER, MessageError

if TYPE_CHECKING:
    from mattingd.domain.commands import EngineConfig
    from mattingd.inference.backend import Engine, ModelSpec

TEST_ENGINE = "MATTINGD_TEST_ENGINE"
"""Set to 1, the engine is the module `mattingd_test_engine` of whoever runs the tests; `status` says so."""


def worker(number: str, parent: str) -> None:
    """A picture worker. It connects first: until then it would outlive a parent that is killed."""
    receive, send = connect(number, parent, TO_WORKER)
    _silence_decoders()
    from mattingd.system.filesystem import Disk  # noqa: PLC0415 - each child loads only what it needs
    from mattingd.workers import picture_worker  # noqa: PLC0415

    picture_worker.serve(receive, send, Disk())


def _silence_decoders() -> None:
    """Keep what libraries complain of damaged pictures out of the daemon's log.

    Those in C write to descriptor 2, which Python keeps under another number; Pillow uses `logging`.
    """
    logging.disable()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def engine(number: str, parent: str) -> None:
    """The engine child."""
    receive, send = connect(number, parent, TO_ENGINE)
    from mattingd.inference import server  # noqa: PLC0415 - as above

    server.serve(receive, send, make_engine)


def background(*pins: str) -> None:
    """Look at backgrounds, and say what is wrong with each."""
    from mattingd.outputs.backgrounds import look  # noqa: PLC0415 - as above

    with redirect_stdout(sys.stderr):
        told = [look(pin) if (pin := Pin.of(text)) else "" for text in pins]
    print(json.dumps(told))  # noqa: T201


def make_engine(order: "EngineConfig") -> "Engine":
    """The engine an order asks for."""
    engine = _models().load(
        order.model, order.device, order.precision, order.threads, order.memory_gb, order.weights
    )
    return cast("Engine", engine)


def model_spec(model: str) -> "ModelSpec":
    """What a model takes and gives, without loading its weights."""
    return cast("ModelSpec", _models().entry(model).spec)


def _models() -> Any:
    """The module that knows the models."""
    test = os.environ.get(TEST_ENGINE) == "1"
    return importlib.import_module("mattingd_test_engine" if test else "mattingd.inference.registry")


_PROGRAMS: dict[str, Callable[..., None]] = {"worker": worker, "engine": engine, "background": background}

if __name__ == "__main__":
    try:
        _PROGRAMS[sys.argv[1]](*sys.argv[2:])
    except (EOFError, ConnectionError):
        sys.exit(0)
    except MessageError as error:
        sys.exit(f"a child of mattingd ends: it was sent {error}")
