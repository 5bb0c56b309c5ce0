"""Report the daemon's state to the service manager."""

import contextlib
import os
import socket

from mattingd.system import clock


class Notifier:
    """Reports our state to systemd (sd_notify(3)); does nothing where systemd does not ask."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._ready = self._reloading = False

    def tell(self, **state: str | int) -> None:
        """Send e.g. ``READY=1``, ``STATUS=...``, ``WATCHDOG=1``."""
        if not self._address:
            return
        message = "\n".join(f"{key}={value}" for key, value in state.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(message.encode(), self._address)

    def ready(self) -> None:
        """Report once that pictures can be processed; later changes go by `reloading` and `reloaded`."""
        if not self._ready:
            self._ready = True
            self.tell(READY=1)

    def reloading(self) -> None:
        """Report that settings are being read; nothing is reported before the first `ready`."""
        if self._ready:
            self._reloading = True
            self.tell(RELOADING=1, MONOTONIC_USEC=clock.monotonic_ns() // 1_000)

    def reloaded(self) -> None:
        """Report that reading settings has ended, whether they were accepted or not."""
        if self._reloading:
            self._reloading = False
            self.tell(READY=1)
