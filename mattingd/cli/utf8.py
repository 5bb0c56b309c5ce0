"""Keep file names, which are bytes, unchanged through the program, whatever the locale.

Python turns names into text and back by the locale's encoding. Only Python's UTF-8 mode preserves every byte,
and writes every character of a configuration file unchanged.
"""

import locale
import os
import sys


def start_again_unless_names_are_safe() -> None:
    """Replace this process by the same command in Python's UTF-8 mode, unless names are UTF-8 already.

    Output stays in the terminal's own encoding. Children inherit this mode.
    """
    if sys.getfilesystemencoding() == "utf-8" or not sys.executable:
        return
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", f"{locale.getencoding()}:backslashreplace")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell
