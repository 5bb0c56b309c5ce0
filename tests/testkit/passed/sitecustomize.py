"""On the path of a daemon, this notes in each of its processes which of our files have functions that run.

It begins when the file `on` is in the folder that `MATTINGD_PASSED` names; then `PID.txt` is there, too.
"""

import os
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

OURS = f"{os.sep}mattingd{os.sep}"
SET_UP = {"<module>", "__init__"}
"""What is loaded or built has not run yet."""
FOLDER = Path(os.environ["MATTINGD_PASSED"])


class Notes:
    """The functions that ran in this process since they are wanted."""

    def __init__(self) -> None:
        self._on = False
        self._seen: set[CodeType] = set()
        self._files: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if not self._on or event != "call" or frame.f_code in self._seen:
            return
        self._seen.add(frame.f_code)
        _, ours, file = frame.f_code.co_filename.rpartition(OURS)
        if ours and frame.f_code.co_name not in SET_UP and file not in self._files:
            self._files.add(file)
            with (FOLDER / f"{os.getpid()}.txt").open("a") as notes:
                notes.write(f"mattingd/{file}\n")

    def look(self) -> None:
        """Begin as soon as that is wanted."""
        while not (FOLDER / "on").exists():
            threading.Event().wait(0.1)
        self._on = True
        (FOLDER / f"{os.getpid()}.txt").touch()


notes = Notes()
threading.Thread(target=notes.look, daemon=True).start()
sys.setprofile(notes)
threading.setprofile(notes)
