"""Makes what these tests share importable from wherever pytest was started; a busy machine is no failure."""

import sys
from pathlib import Path

from hypothesis import settings

ROOT = str(Path(__file__).parent.parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
