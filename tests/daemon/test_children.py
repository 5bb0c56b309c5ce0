"""What the daemon hears of a child, whatever becomes of it: always its end, and why."""

import queue
import sys

import pytest
from because import why

from mattingd.domain.commands import Infer
from mattingd.domain.events import WorkerUp
from mattingd.workers.process import Child
from mattingd.workers.protocol import Message

FOREVER = "import time; time.sleep(600)"
CONNECT = (
    "from mattingd.domain.events import WorkerUp; from mattingd.workers.process import connect;"
    " listen, say = connect(*sys.argv[1:])"
)


def start(program: str) -> tuple[Child, queue.SimpleQueue[Message | str]]:
    """A child that runs this program, and what is heard of it."""
    heard: queue.SimpleQueue[Message | str] = queue.SimpleQueue()
    command = (sys.executable, "-c", f"import os, sys; {program}")
    return Child(command, heard=heard.put, ended=lambda how: heard.put(str(how))), heard


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("sys.exit(3)", "it ended with code 3"),
        ("os.kill(os.getpid(), 11)", "it was ended by SIGSEGV"),
        (
            f"os.write(int(sys.argv[1]), b'\\0\\0\\0\\5hello, hello, hello'); {FOREVER}",
            "it said what could not be understood",
        ),
        (f"os.write(int(sys.argv[1]), b'\\xff' * 17); {FOREVER}", "it said what could not be understood"),
        (
            f"os.write(int(sys.argv[1]), b'\\0\\0'); os.close(int(sys.argv[1])); {FOREVER}",
            "it was ended by SIGKILL",
        ),
        (f"os.close(int(sys.argv[1])); {FOREVER}", "it was ended by SIGKILL"),
    ],
    ids=["ends", "crashes", "no message", "no length", "breaks off", "hangs up"],
)
def test_its_end_is_told_once(program: str, end: str) -> None:
    child, heard = start(program)
    told = heard.get(timeout=30)
    assert isinstance(told, str)
    assert told.startswith(end)
    assert child.process.poll() is not None
    assert heard.empty()


def test_what_does_not_fit_ends_it_and_is_told() -> None:
    child, heard = start(f"{CONNECT}; say((WorkerUp('one', 2), None)); {FOREVER}")
    assert heard.get(timeout=60) == (
        "it said what could not be understood: a message 'WorkerUp' that does not fit:"
        " Expected `int`, got `str` - at `$.worker`"
    )
    assert child.process.poll() is not None


def test_who_ends_it_says_why() -> None:
    child, heard = start(f"{CONNECT}; say((WorkerUp(1, 2), None)); {FOREVER}")
    assert heard.get(timeout=60) == (WorkerUp(1, 2), None)
    child.tell((Infer(1, tuple(range(64)), (256, 256), 1), bytes(64 * 3 * 256 * 256)))
    child.kill(why("it took too long"))
    assert heard.get(timeout=30) == "it took too long"
    assert heard.empty()


def test_large_messages_arrive_whole_in_both_directions() -> None:
    child, heard = start(
        f"{CONNECT}; from mattingd.domain.events import Inferred; infer, pixels = listen();"
        f" say((Inferred(infer.batch, (False,) * 64), pixels)); {FOREVER}"
    )
    pixels = bytes(range(256)) * (64 * 3 * 256)
    child.tell((Infer(7, tuple(range(64)), (256, 256), 1), pixels))
    told = heard.get(timeout=60)
    assert not isinstance(told, str), told
    content, back = told
    assert content.batch == 7
    assert back == pixels
    child.kill(why("enough"))
