"""The command line: verbs, messages, exit codes.

Heavy packages are imported only by the verbs that need them.
"""

from mattingd.cli.app import app, main

__all__ = ["app", "main"]
