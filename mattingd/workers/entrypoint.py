"""The program of a child process, not for users.

`python -m mattingd.child worker|engine SOCKET PARENT`, or `background PIN...`.
"""

import importlib
import json
import logging
import os
import select
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, cast

from mattingd.domain.presets import Pin
from mattingd.system.loading import leaving_out, loading
from mattingd.workers.process import connect
from mattingd.workers.protocol import TO_ENGINE, TO_WORKER, MessageError

if TYPE_CHECKING:
    from mattingd.domain.commands import EngineConfig
    from mattingd.inference.backend import Engine, ModelSpec

TEST_ENGINE = "MATTINGD_TEST_ENGINE"
"""Set to 1, the engine is the module `mattingd_test_engine` of whoever runs the tests; `status` says so."""

META_KERNELS = "torch._meta_registrations"
"""What `torch.compile` and `torch.export` need to calculate shapes; an engine uses neither, and importing it
takes two fifths of the time for torch."""


def worker(number: str, parent: str) -> None:
    """Run a picture worker. It connects first: until then it would outlive a parent that is killed."""
    receive, send = connect(number, parent, TO_WORKER)
    silence_decoders()
    with loading():
        from mattingd.system.filesystem import Disk  # noqa: PLC0415 - each child loads only what it needs
        from mattingd.workers import picture_worker  # noqa: PLC0415
    picture_worker.serve(receive, send, Disk())


def silence_decoders() -> None:
    """Keep library messages about damaged pictures out of the daemon's log.

    C libraries write to descriptor 2, which Python keeps under another number; Pillow uses `logging`.
    """
    logging.disable()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def engine(number: str, parent: str) -> None:
    """Run the engine process. Started ahead, it loads what the shipped model needs while it has no order."""
    receive, send = connect(number, parent, TO_ENGINE)
    with loading(), leaving_out(META_KERNELS):
        from mattingd.inference import server  # noqa: PLC0415 - as above

        ordered, _, _ = select.select([int(number)], [], [], 0)
        if not ordered:
            _models().load_library()
    server.serve(receive, send, make_engine)


def background(*pins: str) -> None:
    """Check background pictures, and print what is wrong with each."""
    from mattingd.config.backgrounds import look  # noqa: PLC0415 - as above

    with redirect_stdout(sys.stderr):
        told = [look(pin) if (pin := Pin.of(text)) else "" for text in pins]
    print(json.dumps(told))  # noqa: T201


def previews() -> None:
    """Make small pictures for the page."""
    silence_decoders()
    from mattingd.workers import previews as maker  # noqa: PLC0415 - as above

    maker.serve()


def make_engine(order: "EngineConfig") -> "Engine":
    """Return the engine that an order describes."""
    with loading(), leaving_out(META_KERNELS):
        engine = _models().load(
            order.model,
            order.device,
            order.precision,
            order.threads,
            order.memory_gb,
            order.weights,
            provider=order.provider,
            cache=order.cache,
            kept=order.kept,
        )
    return cast("Engine", engine)


def model_spec() -> "ModelSpec":
    """Return the inputs and outputs of the bundled model, without loading its weights."""
    return cast("ModelSpec", _models().entry().spec)


def _models() -> Any:
    """Return the module that knows the models."""
    test = os.environ.get(TEST_ENGINE) == "1"
    return importlib.import_module("mattingd_test_engine" if test else "mattingd.inference.registry")


_PROGRAMS: dict[str, Callable[..., None]] = {
    "worker": worker,
    "engine": engine,
    "background": background,
    "previews": previews,
}

if __name__ == "__main__":
    try:
        _PROGRAMS[sys.argv[1]](*sys.argv[2:])
    except (EOFError, ConnectionError):
        sys.exit(0)
    except MessageError as error:
        sys.exit(f"a child of mattingd ends: it was sent {error}")
