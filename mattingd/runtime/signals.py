"""Signals that stop or reload the daemon."""

import os
import signal
from collections.abc import Callable

from mattingd.runtime.lock import STDERR


def on_signals(stop: Callable[[str], None], reload: Callable[[], None] | None = None) -> None:
    """Call `stop` with the signal's name at each SIGTERM and SIGINT, and `reload` at SIGHUP.

    The kernel also sends SIGHUP when the terminal that a program was started on is closed: that is an end.

    SIGIO is ignored: the kernel sends it when somebody opens a file for writing on which we just asked for a
    lease, and its default is to end the process.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stop(signal.Signals(received).name))
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    if reload is not None:
        on_terminal = os.isatty(STDERR)

        def hung_up(_number: int, _frame: object) -> None:
            if on_terminal and not os.isatty(STDERR):
                stop("SIGHUP, its terminal is gone")
            else:
                reload()

        signal.signal(signal.SIGHUP, hung_up)
