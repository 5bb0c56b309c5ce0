"""The program of a child that works on a share: `python -m mattingd.shares SOCKET PARENT`. Not for users."""

import sys

from mattingd.shares.child import serve
from mattingd.workers.process import connect
from mattingd.workers.protocol import TO_SHARE, MessageError

if __name__ == "__main__":
    try:
        receive, send = connect(sys.argv[1], sys.argv[2], TO_SHARE)
        serve(receive, send)
    except (EOFError, ConnectionError):
        sys.exit(0)
    except MessageError as error:
        sys.exit(f"a child of mattingd ends: it was sent {error}")
