"""The program's own network as an ONNX file, for ONNX Runtime: any shape, any batch, in 32 bits or in 8.

Knows torch, onnx and onnxruntime. 8 bits are calibrated on pictures that are given.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from onnxruntime import quantization

from mattingd.inference import self_test
from mattingd.inference.backends.onnx_backend import OnnxEngine, prepared
from mattingd.inference.backends.torch_backend import build
from mattingd.inference.networks.cv_unet import look_twice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mattingd.inference.backend import ModelSpec, Pictures
    from mattingd.inference.networks.cv_unet import CvUnet
    from mattingd.inference.registry import Entry

OPSET = 18
INPUT, OUTPUT = "pictures", "logits"
TRACED_SHAPE = (64, 96)
"""The (height, width) that the network is followed with; any other multiple of 32 works as well."""


class _Logits(torch.nn.Module):
    """What the network says of a picture after its two looks."""

    def __init__(self, net: CvUnet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return look_twice(self.net, x)


def exported(content: bytes) -> bytes:
    """Export the network with some weights as an ONNX file of opset `OPSET`."""
    net = _Logits(build(content)).eval()
    sample = torch.zeros(2, 3, *TRACED_SHAPE)
    free = {0: "n", 2: "h", 3: "w"}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter's remarks on traced shapes
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            net,
            (sample,),
            file,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: free},
            opset_version=OPSET,
            dynamo=False,
        )
        return file.read_bytes()


class _Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Pictures at the network's size, one by one."""

    def __init__(self, pictures: Sequence[Pictures], spec: ModelSpec) -> None:
        self._left: Iterator[dict[str, Any]] = iter([{INPUT: prepared(each, spec)} for each in pictures])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._left, None)


def in_8_bits(content: bytes, spec: ModelSpec, pictures: Sequence[Pictures]) -> bytes:
    """Quantise an exported network to 8 bits, static, calibrated on pictures uint8 [1,H,W,3] of its sizes."""
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (Path(folder) / f"{name}.onnx" for name in ("plain", "ready", "small"))
        plain.write_bytes(content)
        quantization.quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready),
            str(small),
            _Pictures(pictures, spec),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        return small.read_bytes()


def description(model: Entry, content: bytes, sha256: str, name: str) -> bytes:
    """Return the description beside such a file: the network's contract and self-test matte."""
    spec = replace(model.spec, id=name, sha256=sha256, runtime="onnx")
    engine = OnnxEngine(replace(model, spec=spec, golden=()), content, Path(f"{name}.onnx"))
    golden = self_test.cells(engine.matte(self_test.picture())[0])
    data = {
        "title": model.title,
        "licence": model.licence,
        "file": f"{name}.onnx",
        "golden": [[round(float(value), 4) for value in row] for row in golden],
        "spec": asdict(spec),
        "batches": True,
    }
    return json.dumps(data, indent=1).encode()
