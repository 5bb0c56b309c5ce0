"""What the processes load when they start: no more than they need."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("mattingd.cli.commands.process", "numpy cv2 torch"),
        ("mattingd.workers.picture_worker", "pydantic yaml torch importlib.metadata"),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, foreign: str) -> None:
    code = f"import sys, {module}; sys.exit(' '.join(set({foreign!r}.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
