"""Networks that mean harm, or are none: refused with one line, in a process of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import networks
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from mattingd.inference import model_store, probe, registry, self_test
from mattingd.inference.backends.onnx_backend import OnnxEngine
from mattingd.zoo import catalogue, install
from mattingd.zoo.install import InstallError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """
small:
  title: s
  contract: {side: 32, multiple: 32, geometry: stretch, scale: 0.004, mean: [0, 0, 0], std: [1, 1, 1],
    activation: none}
"""
NOW = "2026-11-20T12:00:00+00:00"
TWO_GIGABYTES = 2_000_000_000


def outside() -> bytes:
    """Its weights are in another file, outside its folder."""
    model = networks.dark_is_subject(32)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"
    return bytes(model.SerializeToString())


def library() -> bytes:
    """It calls an operator of a library that it would bring along."""
    model = networks.dark_is_subject(32)
    model.graph.node[0].domain = "com.evil"
    model.opset_import.append(helper.make_opsetid("com.evil", 1))
    return bytes(model.SerializeToString())


def huge_weight() -> bytes:
    """It declares a tensor of 2 GB and holds none of it."""
    model = networks.dark_is_subject(32)
    model.graph.initializer[0].dims[:] = [1, 3, 1, TWO_GIGABYTES // 12]
    return bytes(model.SerializeToString())


def huge_result() -> bytes:
    """It makes a tensor of 200 GB while it works."""
    model = networks.dark_is_subject(32)
    shape = numpy_helper.from_array(np.array([50_000_000, 1, 32, 32], np.int64), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("Expand", ["matte", "shape"], ["more"]))
    model.graph.node.append(helper.make_node("ReduceMax", ["more"], ["most"], axes=[0], keepdims=1))
    model.graph.node.append(helper.make_node("Add", ["matte", "most"], ["sum"]))
    model.graph.output[0].name = "sum"
    return bytes(model.SerializeToString())


def deep() -> bytes:
    """Graphs within graphs without end, nearly."""
    inner: Any = helper.make_graph([helper.make_node("Identity", ["c"], ["x"])], "g", [], [])
    for _ in range(20):
        inner = helper.make_graph([helper.make_node("Loop", ["", "c"], ["x"], body=inner)], "g", [], [])
    model = networks.dark_is_subject(32)
    model.graph.node.append(helper.make_node("Loop", ["", "c"], ["x"], body=inner))
    return bytes(model.SerializeToString())


def beside() -> bytes:
    """Its weights are in a file in its own folder, which may be a link to any other."""
    model = networks.dark_is_subject(32)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return bytes(model.SerializeToString())


def sparse() -> bytes:
    """It declares a sparse tensor of 40 GB with one value in it."""
    model = networks.dark_is_subject(32)
    one = model.graph.sparse_initializer.add()
    one.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "bomb"))
    one.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "where"))
    one.dims.append(10_000_000_000)
    return bytes(model.SerializeToString())


def not_a_number() -> bytes:
    """Its matte is not a number."""
    model = networks.dark_is_subject(32)
    model.graph.node.append(helper.make_node("Sub", ["matte", "matte"], ["nought"]))
    model.graph.node.append(helper.make_node("Div", ["nought", "nought"], ["nan"]))
    model.graph.output[0].name = "nan"
    return bytes(model.SerializeToString())


def other_output() -> bytes:
    """It answers with one number for a picture, under the right name."""
    model = networks.dark_is_subject(32)
    model.graph.node.append(helper.make_node("ReduceMean", ["matte"], ["mean"], axes=[2, 3], keepdims=1))
    model.graph.output[0].name = "mean"
    return bytes(model.SerializeToString())


def endless() -> bytes:
    """It counts to 2^62 for each picture."""
    model = networks.dark_is_subject(32)
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(1 << 62, np.int64), "often"))
    model.graph.node.append(helper.make_node("Loop", ["often", "", "matte"], ["end"], body=body))
    model.graph.output[0].name = "end"
    return bytes(model.SerializeToString())


def other_input() -> bytes:
    """It takes something else than pictures."""
    return bytes(networks.dark_is_subject(64).SerializeToString())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"no network at all", "is no ONNX file, or only a part of one"),
        (b"", "is no ONNX file"),
        (networks.dark_is_subject(32).SerializeToString()[:-40], "is no ONNX file"),
        (outside(), r"keeps its weights in another file \(../../../etc/passwd\); save it as one file"),
        (library(), "needs operators from a library of its own .'com.evil'."),
        (huge_weight(), "declares a tensor of 2,000 MB .grey. and holds 0 MB"),
        (huge_result(), "memory"),
        (deep(), "graphs within graphs|no ONNX file"),
        (beside(), r"keeps its weights in another file \(weights.bin\); save it as one file"),
        (sparse(), "declares a sparse tensor of 40,000 MB .bomb. and holds 0 MB"),
        (not_a_number(), "the network's result is not finite"),
        (other_output(), r"answered \[1, 1, 1, 1\], which is no matte of \[1, 32, 32\]"),
        (other_input(), "takes n x 3 x 64 x 64, not what its description says"),
    ],
    ids=[
        "text",
        "empty",
        "cut",
        "outside",
        "library",
        "2 GB weight",
        "200 GB result",
        "deep",
        "beside",
        "sparse",
        "NaN",
        "other output",
        "other input",
    ],
)
def test_it_is_refused_with_one_line_and_not_kept(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "evil.onnx"
    file.write_bytes(content)
    entry = catalogue.parse(SMALL, "x")["small"]
    with pytest.raises(InstallError, match=complaint) as told:
        install.add(file, "evil", entry, tmp_path / "models", NOW)
    assert "\n" not in str(told.value)
    assert ".new-" not in str(told.value), "it is called what the user calls it"
    assert list((tmp_path / "models").iterdir()) == []
    assert model_store.placed(tmp_path / "models", "0" * 64) is None


def test_one_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 15)
    (tmp_path / "evil.onnx").write_bytes(endless())
    entry = catalogue.parse(SMALL, "x")["small"]
    with pytest.raises(InstallError, match=r"evil\.onnx gave no matte within 15 s"):
        install.add(tmp_path / "evil.onnx", "evil", entry, tmp_path / "models", NOW)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_batch_axis_that_lies_is_found_out_and_pictures_go_one_by_one(tmp_path: Path) -> None:
    """Its first axis is said to be free, and all pictures after the first get the first one's matte."""
    model = networks.dark_is_subject(32)
    one = [numpy_helper.from_array(np.array(n, np.int64), name) for n, name in (([0], "from"), ([1], "to"))]
    model.graph.initializer.extend(one)
    model.graph.node.append(helper.make_node("Slice", ["matte", "from", "to", "from"], ["first"]))
    model.graph.node.append(helper.make_node("Mul", ["matte", "zero"], ["none"]))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "zero"))
    model.graph.node.append(helper.make_node("Add", ["first", "none"], ["all"]))
    model.graph.output[0].name = "all"
    (tmp_path / "liar.onnx").write_bytes(model.SerializeToString())
    found = install.add(
        tmp_path / "liar.onnx", "liar", catalogue.parse(SMALL, "x")["small"], tmp_path / "models", NOW
    )
    told = json.loads((tmp_path / "models" / f"{found.sha256}.json").read_text())
    assert told["batches"] is False
    engine = registry.load(file=str(tmp_path / "models" / f"{found.sha256}.onnx"), device="cpu", threads=1)
    assert isinstance(engine, OnnxEngine)
    engine.settle_batches()
    picture = self_test.picture_for(engine.spec.net)
    two = np.concatenate([picture, 255 - picture])
    assert np.abs(engine.matte(two)[1] - engine.matte(two[1:])[0]).max() == 0


def test_a_network_of_ones_own_is_taken_in_and_works(tmp_path: Path) -> None:
    file = tmp_path / "dark.onnx"
    file.write_bytes(networks.dark_is_subject(320).SerializeToString())
    model = install.add(file, "dark", catalogue.published()["u2netp"], tmp_path / "models", NOW)
    assert model.name == "dark"
    again = install.add(file, "other", catalogue.published()["u2netp"], tmp_path / "models", NOW)
    assert again == model, "one file is one model"
    assert {path.suffix for path in (tmp_path / "models").iterdir()} == {".onnx", ".json"}
