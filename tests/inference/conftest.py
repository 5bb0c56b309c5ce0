"""Makes the contract suite and the test engine importable, and keeps torch on one thread."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "testkit"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
