"""Run the page as a child process: restart it when it ends. It never harms the daemon."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mattingd.system import clock
from mattingd.workers.process import how_it_ended

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before it is started again; doubled while it does not live for `LONG_LIFE`."""
LONG_LIFE = 60.0
STOP_SECONDS = 10.0


class WebChild(threading.Thread):
    """Keeps the page running until it is stopped."""

    def __init__(self, config: Path, ended: Callable[[str], None]) -> None:
        """Nothing runs yet.

        Args:
            config: path of the configuration.
            ended: called on this thread with how it ended, whenever it ended by itself.
        """
        super().__init__(name="web", daemon=True)
        self._command = [
            sys.executable, "-m", "mattingd", "web", "--config", str(config), "--parent", str(os.getpid()),
        ]  # fmt: skip
        self._tell = ended
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Start it, wait for its end, and restart it."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = clock.monotonic_ns()
            code = self._once()
            if self._stopping.is_set():
                return
            self._tell(str(how_it_ended(code)))
            lived = (clock.monotonic_ns() - started) / clock.SECOND
            pause = FIRST_PAUSE if lived > LONG_LIFE else min(2 * pause, LONGEST_PAUSE)
            self._stopping.wait(pause)

    def _once(self) -> int:
        with self._lock:
            if self._stopping.is_set():
                return 0
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, env=without_service_manager(), process_group=0
            )
        return self._process.wait()

    def close(self) -> None:
        """End it, and wait until it is gone."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def without_service_manager() -> dict[str, str]:
    """Return our environment without the variables that mark a process as started by the service manager."""
    told = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
    return {name: value for name, value in os.environ.items() if name not in told}
