"""The program's own network on ONNX Runtime: the same mattes as with torch, any batch, any shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mattingd.inference import registry, self_test
from mattingd.inference.backends import onnx_export
from mattingd.inference.backends.onnx_backend import OnnxEngine

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def content() -> bytes:
    return onnx_export.exported(registry.weights(registry.entry()))


def test_it_makes_the_mattes_that_torch_makes(content: bytes) -> None:
    model = registry.entry()
    spec = replace(model.spec, runtime="onnx")
    engine = OnnxEngine(replace(model, spec=spec), content, Path("cv-unet.onnx"), threads=1)
    engine.self_test()  # against what is on record for torch
    assert engine.batches
    torch = registry.load(device="cpu", precision="fp32", threads=1)
    whole = self_test.picture()
    for batch in (whole, np.concatenate([whole[:, :64, :96], whole[:, 64:128, 64:160]])):
        assert np.abs(engine.matte(batch) - torch.matte(batch)).max() < 0.002


def test_its_description_is_that_of_an_installed_model(content: bytes, tmp_path: Path) -> None:
    import hashlib  # noqa: PLC0415

    model, file = registry.entry(), tmp_path / "ours.onnx"
    file.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    file.with_suffix(".json").write_bytes(onnx_export.description(model, content, sha256, "ours"))
    engine = registry.load(device="cpu", threads=1, file=str(file))
    assert (engine.spec.id, engine.spec.sha256) == ("ours", sha256)
    engine.self_test()
