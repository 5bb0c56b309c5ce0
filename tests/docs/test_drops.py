"""docs/DROPS.md: its script for receivers accepts our signature, and no other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mattingd.notices.signing import signature

TEXT = (Path(__file__).parents[2] / "docs" / "DROPS.md").read_text(encoding="utf-8")
BODY = '{"drop": "2026-11-20-1", "folder": "产品"}'.encode()


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = re.findall(r"^```python check\.py\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert len([line for line in code.splitlines() if line]) <= 10
    path = tmp_path_factory.mktemp("receiver") / "check.py"
    path.write_text(code)
    return path


@pytest.mark.parametrize(
    ("secret", "body", "accepted"),
    [("correct", BODY, True), ("wrong", BODY, False), ("correct", BODY + b" ", False)],
)
def test_the_script_tells_our_messages_from_others(
    script: Path,
    secret: str,
    body: bytes,
    accepted: bool,  # noqa: FBT001 - a case
) -> None:
    done = subprocess.run(
        [sys.executable, script, signature("correct", BODY)],
        input=body,
        env={**os.environ, "MATTINGD_WEBHOOK_SECRET": secret},
        check=False,
        capture_output=True,
    )
    assert (done.returncode == 0) is accepted, done.stderr
