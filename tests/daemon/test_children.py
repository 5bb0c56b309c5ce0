"""What the daemon hears of a child, whatever becomes of it: always its end, and why."""

import queue
import sys

import pytest

from mattingd.workers.process import Child, Message

FOREVER = "import time; time.sleep(600)"
CONNECT = "from multiprocessing.connection import Connection; say = Connection(int(sys.argv[1])).send"


def start(program: str) -> tuple[Child, "queue.SimpleQueue[Message | str]"]:
    """A child that runs this program, and what is heard of it."""
    heard: queue.SimpleQueue[Message | str] = queue.SimpleQueue()
    command = (sys.executable, "-c", f"import os, sys; {program}")
    return Child(command, heard=heard.put, ended=heard.put), heard


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("sys.exit(3)", "it ended with code 3"),
        ("os.kill(os.getpid(), 11)", "it was ended by SIGSEGV"),
        (f"os.write(int(sys.argv[1]), b'\\0\\0\\0\\5hello'); {FOREVER}", "it said what nobody understands"),
        (f"os.write(int(sys.argv[1]), b'\\xff' * 12 + b'x'); {FOREVER}", "it said what nobody understands"),
        (
            f"os.write(int(sys.argv[1]), b'\\0\\0'); os.close(int(sys.argv[1])); {FOREVER}",
            "it was ended by SIGKILL",
        ),
        (f"os.close(int(sys.argv[1])); {FOREVER}", "it was ended by SIGKILL"),
    ],
    ids=["ends", "crashes", "no pickle", "no length", "breaks off", "hangs up"],
)
def test_its_end_is_told_once(program: str, end: str) -> None:
    child, heard = start(program)
    told = heard.get(timeout=30)
    assert isinstance(told, str)
    assert told.startswith(end)
    assert child.process.poll() is not None
    assert heard.empty()


def test_who_ends_it_says_why() -> None:
    child, heard = start(f"{CONNECT}; say(('up', b'1')); {FOREVER}")
    assert heard.get(timeout=30) == ("up", b"1")
    child.tell((b"x" * 10_000_000, None))
    child.kill("it took too long")
    assert heard.get(timeout=30) == "it took too long"
    assert heard.empty()
