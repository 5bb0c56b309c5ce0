"""A worker whose answers, errors and types are pickles that run a program; started by a test."""

import asyncio
import copyreg
import sys
from pathlib import Path
from typing import Any, NoReturn

from distributed import Worker

from mattingd.remote import plugin
from mattingd.remote.security import security_of

FOLDER = Path(sys.argv[-1])


def program() -> tuple[Any, tuple[str]]:
    """Leaves a file named by the process that reads the pickle."""
    return exec, (f"import os; open({str(FOLDER)!r} + f'/{{os.getpid()}}', 'w').close()",)


class Kind(type):
    """Of classes that are such pickles themselves."""


class Answer(metaclass=Kind):
    """An answer that is no bytes."""

    def __reduce__(self) -> Any:
        return program()


class HostileError(Exception):
    """An error that is such a pickle."""

    def __reduce__(self) -> Any:
        return program()


def facts() -> Any:
    """In the place of `plugin.facts`."""
    return Answer()


def make(_: bytes) -> NoReturn:
    """In the place of `plugin.make`."""
    raise HostileError("x")


async def main(scheduler: str, ca: str, cert: str, key: str) -> None:
    """Work until killed."""
    worker = await Worker(scheduler, nthreads=1, security=security_of(ca, cert, key), dashboard=False)
    await worker.finished()


if __name__ == "__main__":
    copyreg.pickle(Kind, lambda _: program())
    vars(plugin).update(facts=facts, make=make)
    asyncio.run(main(*sys.argv[1:5]))
