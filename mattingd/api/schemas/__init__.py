"""What is said on the control socket: every request, every answer and every event of the feed, with types.

The command line, the daemon and any other client share these. They know no other part of the program, so that
a client in another process loads nothing else. Unknown fields are ignored, and new fields have defaults: the
two sides may be of neighbouring versions.
"""

from mattingd.api.schemas import answers, feed, requests
from mattingd.api.schemas.requests import Request, answer_type

__all__ = ["Request", "answer_type", "answers", "feed", "requests"]
