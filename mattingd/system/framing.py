"""Lines of JSON over a unix socket."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

LONGEST_REQUEST = 1 << 20


def _line(peer: socket.socket) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < LONGEST_REQUEST:
        received = peer.recv(65536)
        if not received:
            break
        data += received
    return bytes(data)


@contextlib.contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """A name for the socket that fits the kernel's 107 bytes, however deep the state directory lies."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
