"""Lines of JSON over a unix socket."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

LONGEST_LINE = 16 << 20
"""Bytes of a request or an answer, at most."""


def read_line(peer: socket.socket, waiting: bytearray | None = None) -> bytes:
    """Return the next line from a socket; incomplete when the other side ended, or sent too much.

    Args:
        peer: the socket.
        waiting: bytes after the previous line; bytes after this one are left in it.
    """
    data = bytearray() if waiting is None else waiting
    begin = 0
    while (end := data.find(b"\n", begin)) < 0 and len(data) < LONGEST_LINE:
        begin = len(data)
        received = peer.recv(65536)
        if not received:
            break
        data += received
    length = len(data) if end < 0 else end + 1
    line = bytes(data[:length])
    del data[:length]
    return line


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Return a name for the socket that fits the kernel's 107 bytes, however deep the state directory is."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
