"""The shipped model as such: its file, its self-test, its precisions, and how failures are told."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import safetensors.torch
import torch
from contract_suite import scene

from mattingd.inference import registry, self_test
from mattingd.inference.backend import BadBatch, EngineFault, OutOfMemory
from mattingd.inference.backends.torch_backend import (
    TorchEngine,
    build,
    choose_device,
    nvidia_driver,
    processor_name,
)
from mattingd.inference.networks.cv_unet import (
    SECOND_LOOK,
    CvUnet,
    fuse,
    look_twice,
    three_quarters,
)
from mattingd.inference.networks.mobilenet_v2 import slow_depthwise_avoided

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    model = registry.entry()
    return TorchEngine(model, registry.weights(model), "cpu", "fp32", threads=1)


def test_the_weights_fit_the_package() -> None:
    content = registry.weights(registry.entry())
    assert len(content) <= 12_000_000
    assert hashlib.sha256(content).hexdigest() == registry.entry().spec.sha256


def test_unknown_models_are_named() -> None:
    with pytest.raises(KeyError, match="there is cv-unet"):
        registry.entry("u3net")


def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = registry.entry()
    other = dataclasses.replace(model, spec=dataclasses.replace(model.spec, sha256="f" * 64))
    with pytest.raises(EngineFault, match="is damaged"):
        registry.weights(other)
    with pytest.raises(EngineFault, match="missing from the package"):
        registry.weights(dataclasses.replace(model, file="gone.safetensors"))


def test_weights_of_another_network_are_refused() -> None:
    content = safetensors.torch.save({"something": torch.zeros(3)})
    with pytest.raises(EngineFault, match="do not fit"):
        TorchEngine(registry.entry(), content, "cpu")
    with pytest.raises(EngineFault, match="do not fit"):
        TorchEngine(registry.entry(), b"no safetensors at all", "cpu")


def test_the_self_test_notices_a_slightly_different_network() -> None:
    model = registry.entry()
    tensors = safetensors.torch.load(registry.weights(model))
    tensors["spread.weight"] = tensors["spread.weight"].flip(0)
    with pytest.raises(EngineFault, match="off by"):
        TorchEngine(model, safetensors.torch.save(tensors), "cpu", "fp32").self_test()


def test_the_expected_result_tells_ball_from_backdrop() -> None:
    expected = np.asarray(registry.entry().golden)
    assert expected.shape == (self_test.CELLS, self_test.CELLS)
    assert expected.max() > 0.9
    assert expected.min() < 0.1
    assert (
        self_test.deviation(np.full((self_test.SIDE, self_test.SIDE), np.nan, np.float32), expected.tolist())
        == np.inf
    )


def test_the_channels_go_in_the_order_that_the_model_states(engine: TorchEngine) -> None:
    model = registry.entry()
    other = replace(model, spec=replace(model.spec, channel_order="bgr"))
    turned = TorchEngine(other, registry.weights(model), "cpu", "fp32")
    picture = self_test.picture()
    assert np.array_equal(turned.matte(picture[..., ::-1]), engine.matte(picture))
    assert not np.array_equal(turned.matte(picture), engine.matte(picture))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_precision_passes_the_self_test(precision: Literal["fp32", "bf16"]) -> None:
    engine = registry.load(device="cpu", precision=precision, threads=1)
    engine.self_test()
    assert engine.device.precision == precision


def test_a_lower_precision_says_nearly_the_same(engine: TorchEngine) -> None:
    lower = registry.load(device="cpu", precision="bf16", threads=1)
    picture = self_test.picture()
    assert np.abs(lower.matte(picture) - engine.matte(picture)).mean() < 0.004


def test_precision_is_settled_by_warming_up() -> None:
    engine = registry.load(device="cpu", threads=1)
    assert engine.device.precision == "fp32"
    found = engine.warm_up([(128, 128), (96, 160)], batch_sizes=(1, 2))
    assert engine.device.precision in {"fp32", "bf16"}
    assert found.batch_size in {1, 2}
    engine.self_test()


def test_what_was_settled_is_kept_for_these_weights_on_this_processor(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "precision.json"
    registry.load(device="cpu", threads=1, kept=str(file)).warm_up([(128, 128)])
    ((measured_for, chosen),) = json.loads(file.read_bytes()).items()
    assert registry.entry().spec.sha256 in measured_for
    assert processor_name() in measured_for
    assert torch.__version__ in measured_for
    other = {"fp32": "bf16", "bf16": "fp32"}[chosen]
    file.write_text(json.dumps({measured_for: other}))
    engine = registry.load(device="cpu", threads=1, kept=str(file))
    engine.warm_up([(128, 128)])
    assert engine.device.precision == other, "it is not measured again"


def test_a_processor_without_a_name_is_unknown(tmp_path: Path) -> None:
    assert processor_name(tmp_path / "none") == "unknown processor"
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2 GHz\n")
    assert processor_name(tmp_path / "cpuinfo") == "Some CPU @ 2 GHz"


def test_a_failing_allocation_is_out_of_memory(engine: TorchEngine) -> None:
    huge = np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (1 << 20, 416, 416, 3))
    with pytest.raises(OutOfMemory, match="do not fit"):
        engine.matte(huge)
    engine.self_test()


LITTLE_MEMORY = """
import resource, numpy as np
from mattingd.inference import registry
from mattingd.inference.backend import OutOfMemory
engine = registry.load(device="cpu", precision="fp32", threads=1)
engine.self_test()
batch = np.zeros((400, 416, 416, 3), np.uint8)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 500_000_000,) * 2)
try:
    engine.matte(batch)
except OutOfMemory as error:
    print(error)
engine.self_test()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and limits the address space")
def test_torch_running_out_of_memory_is_out_of_memory() -> None:
    done = subprocess.run([sys.executable, "-c", LITTLE_MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "400 pictures do not fit in memory\n"


def test_non_finite_results_are_a_bad_batch() -> None:
    model = registry.entry()
    tensors = safetensors.torch.load(registry.weights(model))
    tensors["last.bias"] = torch.full_like(tensors["last.bias"], float("nan"))
    engine = TorchEngine(model, safetensors.torch.save(tensors), "cpu", "fp32")
    with pytest.raises(BadBatch, match="not finite"):
        engine.matte(scene(model.spec, 0))


def test_asking_for_a_gpu_that_is_not_there() -> None:
    assert choose_device("cpu") == "cpu"
    if torch.cuda.is_available():
        assert choose_device("auto") == "cuda"
    else:
        assert choose_device("auto") == "cpu"
        with pytest.raises(EngineFault, match="no usable CUDA device"):
            choose_device("cuda")


def test_the_driver_is_named_as_the_kernel_has_it(tmp_path: Path) -> None:
    told = tmp_path / "version"
    assert nvidia_driver(told) == ""
    for line in (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build",
    ):
        told.write_text(f"{line}\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n")
        assert nvidia_driver(told) == ", driver 535.104.05"


def randomised(net: CvUnet) -> CvUnet:
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2)
    return net


def test_fusing_changes_nothing() -> None:
    torch.manual_seed(0)
    net = randomised(CvUnet()).eval()
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        before = net(x).logits
        after = fuse(net)(x).logits
    assert before.shape == (1, 1, 64, 96)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_the_second_look_lies_over_the_first_at_its_place() -> None:
    """What is left of it, once the first is taken away, fits the picture as it is, and not mirrored."""
    model = registry.entry()
    net = build(registry.weights(model))
    ball = torch.from_numpy(np.roll(self_test.picture(), 60, axis=2)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        first, both = net(ball).logits, look_twice(net, ball)
    second = torch.sigmoid((both - (1 - SECOND_LOOK) * first) / SECOND_LOOK)
    seen = torch.sigmoid(first) > 0.5
    assert both.shape == (1, 1, 256, 256)
    assert (second[seen] > 0.5).float().mean() > 0.95
    assert (second[~seen] < 0.5).float().mean() > 0.95
    assert seen.flip(3)[seen].float().mean() < 0.5, "a mirrored one would be noticed"


@pytest.mark.parametrize(("side", "smaller"), [(32, 32), (64, 64), (256, 192), (352, 256), (416, 320)])
def test_the_second_look_has_sides_that_the_network_takes(side: int, smaller: int) -> None:
    assert three_quarters(side) == smaller


@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (1, 2), (1, 1), (1, 3)])
def test_the_fast_depthwise_convolution_is_the_same_convolution(stride: int, dilation: int) -> None:
    torch.manual_seed(1)
    x, weight, bias = torch.randn(2, 6, 12, 10), torch.randn(6, 1, 3, 3), torch.randn(6)
    results = []
    for run in (
        lambda a, w, b: slow_depthwise_avoided(a, w, b, stride, dilation),
        lambda a, w, b: torch.nn.functional.conv2d(a, w, b, stride, dilation, dilation, 6),
    ):
        leaves = [t.clone().requires_grad_() for t in (x, weight, bias)]
        y = run(*leaves)  # type: ignore[no-untyped-call]
        y.square().sum().backward()  # type: ignore[no-untyped-call]
        results.append([y, *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_dilated_convolutions_learn_rightly_in_half_precision() -> None:
    # Wide rows are those whose gradient torch 2.13 gets wrong in bfloat16.
    torch.manual_seed(2)
    x, weight = torch.randn(4, 64, 22, 30), torch.randn(64, 1, 3, 3)
    x = x.to(memory_format=torch.channels_last)
    for dilation in (2, 3, 6, 9):
        right = weight.clone().requires_grad_()
        torch.nn.functional.conv2d(x, right, None, 1, dilation, dilation, 64).square().sum().backward()  # type: ignore[no-untyped-call]
        ours = weight.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = slow_depthwise_avoided(x.bfloat16(), ours, None, 1, dilation)
        y.float().square().sum().backward()  # type: ignore[no-untyped-call]
        assert right.grad is not None
        assert ours.grad is not None
        assert float((ours.grad - right.grad).norm() / right.grad.norm()) < 0.02


def test_weights_without_a_detail_branch_still_run() -> None:
    torch.manual_seed(4)
    plain = fuse(randomised(CvUnet(detailed=False)).eval())
    content = safetensors.torch.save(plain.state_dict())
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(build(content)(x).logits, plain(x).logits)
