"""`python -m mattingd.inference.probe FILE`: load a model in a process of its own, and say what came of it.

A network from elsewhere may crash or eat memory; then this process ends, and nothing else. Prints one line of
JSON: `golden` (mean alpha in the cells of the self-test's picture), `batches`, or `error`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from mattingd.inference import registry, self_test
from mattingd.inference.backend import EngineError

ROOM = 3 << 30
"""Bytes of address space that a network gets beside 12 times its file, or twice what its entry states."""
SECONDS = 600


def probe(file: Path) -> dict[str, Any]:
    """Run a model on the self-test's picture in a separate process.

    Args:
        file: the model's file, with its description beside it.

    Returns:
        `golden` and `batches`.

    Raises:
        EngineError: it is unusable; one line.
    """
    command = [sys.executable, "-m", "mattingd.inference.probe", str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise EngineError(f"{file.name} gave no matte within {SECONDS} s") from None
    try:
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise EngineError(f"{file.name} ended the process that tried it (code {done.returncode})") from None
    if "error" in told:
        raise EngineError(told["error"])
    return told


def _try(file: Path) -> dict[str, Any]:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    told = json.loads(file.with_suffix(".json").read_text(encoding="utf-8")).get("memory_mb") or 0
    wanted = ROOM + max(12 * file.stat().st_size, 2 * told * 1_000_000)
    limit = used + min(wanted, os.sysconf("SC_PHYS_PAGES") * resource.getpagesize())
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    try:
        engine = registry.load(device="cpu", file=str(file), threads=2)
        matte = engine.matte(self_test.picture_for(engine.spec.net))[0]
        if settle := getattr(engine, "settle_batches", None):
            settle()
    except EngineError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": f"{file.name} needs more memory than a network of its size may use"}
    golden = [[round(float(value), 4) for value in row] for row in self_test.cells(matte)]
    return {"golden": golden, "batches": bool(getattr(engine, "batches", True))}


if __name__ == "__main__":
    print(json.dumps(_try(Path(sys.argv[1]))))  # noqa: T201
