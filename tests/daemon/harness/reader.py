"""A designer who opens every cut-out the moment it appears: none may ever be half."""

import os
import threading
from pathlib import Path

from mattingd.system import clock
from tests.daemon.harness import pictures


class Reader(threading.Thread):
    """Looks for new *.png all the time, and opens each once."""

    def __init__(self, out: Path, *, claims: bool = False) -> None:
        """`claims`: on a share without links a name is an empty file for a moment: it is passed over then."""
        super().__init__(name="reader", daemon=True)
        self._out = out
        self._claims = claims
        self._opened: set[str] = set()
        self._ending = threading.Event()
        self.broken: list[str] = []

    @property
    def opened(self) -> int:
        """Cut-outs opened so far."""
        return len(self._opened)

    def run(self) -> None:
        """Until `end`."""
        while not self._ending.is_set():
            self._look()
            clock.sleep(0.03)

    def end(self) -> None:
        """Have a last look and stop."""
        self._ending.set()
        self.join()
        self._look()

    def _look(self) -> None:
        lying = {os.path.join(folder, name) for folder, _, names in os.walk(self._out) for name in names}  # noqa: PTH118
        for path in lying - self._opened:
            if not path.endswith(".png"):
                continue
            try:
                content = Path(path).read_bytes()
                if self._claims and not content and not self._ending.is_set():
                    continue
                self._opened.add(path)
                pictures.read(content)
            except FileNotFoundError:
                if not self._claims:
                    self.broken.append(f"{path}: gone")
            except (AssertionError, OSError, SyntaxError) as error:
                self.broken.append(f"{path}: {error}")
