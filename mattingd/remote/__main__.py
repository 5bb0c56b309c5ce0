"""The program of the daemon's child that talks to the workers on other machines; not for users."""

import sys

from mattingd.workers.process import connect
from mattingd.workers.protocol import TO_REMOTE, MessageError


def main(number: str, parent: str) -> None:
    """Connect first: until then it would outlive a parent that is killed."""
    receive, send = connect(number, parent, TO_REMOTE)
    try:
        from mattingd.remote.service import serve  # noqa: PLC0415 - only where the extra is installed
    except ImportError as error:
        sys.exit(f"workers.dask needs Dask: pip install 'mattingd[dask]' ({error})")
    serve(receive, send)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (EOFError, ConnectionError):
        sys.exit(0)
    except MessageError as error:
        sys.exit(f"a child of mattingd ends: it was sent {error}")
