"""The main loop of the process that talks to the workers on other machines."""

import threading
from collections.abc import Callable

from mattingd.remote.bridge import Bridge
from mattingd.remote.threads import for_ever
from mattingd.system import clock
from mattingd.workers.protocol import Message

LOOK_SECONDS = 0.25


def serve(receive: Callable[[], Message], send: Callable[[Message], None]) -> None:
    """Read commands on this thread, check the workers on another one.

    Args:
        receive: returns the next command; raises EOFError when the daemon is gone.
        send: sends a fact to the daemon.
    """
    turn = threading.Lock()

    def say(message: Message) -> None:
        with turn:
            send(message)

    bridge = Bridge(say)

    def look() -> None:
        bridge.look()
        clock.sleep(LOOK_SECONDS)

    for_ever(look)
    while True:
        command, _ = receive()
        bridge.hear(command)
