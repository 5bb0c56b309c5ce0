"""The command line: verbs, wording, exit codes. Heavy rooms are entered only by the verbs that need them."""

from mattingd.cli.app import app, main

__all__ = ["app", "main"]
