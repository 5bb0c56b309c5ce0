"""Losses, the pretrained start, a miniature run that learns, resuming after a real kill, exporting."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.torch
import torch

from mattingd.inference.backend import EngineFault
from mattingd.inference.backends.torch_backend import TorchEngine
from mattingd.inference.networks.cv_unet import Context, CvUnet, Output, fuse
from mattingd.inference.networks.mobilenet_v2 import Encoder
from mattingd.inference.registry import parse
from mattingd.training import export as exporting
from mattingd.training import learning_curve
from mattingd.training.checkpoints import restore, save
from mattingd.training.encoder import norm_of, start_from, unfolded, units_of
from mattingd.training.evaluate import compare, evaluate
from mattingd.training.losses import laplacian, matting_loss
from mattingd.training.train import Recipe, coarse_only_now, prepare, progress, rate_factor, step, train

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


def recipe(pack: Path, out: Path, steps: int) -> Recipe:
    return Recipe(
        pack,
        None,
        out,
        minutes=5,
        steps=steps,
        pixels=4 * 64 * 64,
        sides=((1.0, (64,)),),
        warm_up=5,
        report_steps=5,
    )


def output_for(alpha: torch.Tensor) -> Output:
    logits = torch.logit(alpha.clamp(1e-4, 1 - 1e-4))
    coarse = torch.logit(torch.nn.functional.avg_pool2d(alpha, 16).clamp(1e-4, 1 - 1e-4))
    return Output(logits, coarse)


def test_the_loss_is_small_for_the_truth_and_large_for_its_opposite() -> None:
    target = torch.zeros(2, 1, 64, 64)
    target[:, :, 16:48, 16:48] = 1
    weight = torch.ones_like(target)
    right = matting_loss(output_for(target), target, weight)
    wrong = matting_loss(output_for(1 - target), target, weight)
    assert right < 0.01
    assert wrong > 5


def test_what_weighs_nothing_changes_no_loss() -> None:
    target, weight = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    weight[..., 32:, :] = 0
    said = torch.full_like(target, 0.3)
    other = said.clone()
    other[..., 32:, :] = 0.9
    unknown = target.clone()
    unknown[..., 32:, :] = 1
    first = matting_loss(Output(torch.logit(said), torch.zeros(1, 1, 4, 4)), target, weight)
    second = matting_loss(Output(torch.logit(other), torch.zeros(1, 1, 4, 4)), unknown, weight)
    torch.testing.assert_close(first, second)


def test_the_laplacian_sees_edges_and_not_offsets() -> None:
    flat = torch.full((1, 1, 64, 64), 0.4)
    edge = torch.zeros(1, 1, 64, 64)
    edge[..., 32:] = 0.4
    assert laplacian(flat) < 1e-6
    assert laplacian(edge) > 0.001


def test_compare_counts_what_it_should() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[:2] = 255
    alpha = (mask / 255).astype(np.float32)
    assert compare(alpha, mask) == (1.0, 0.0)
    alpha[0] = 0
    assert compare(alpha, mask) == (0.5, 0.25)
    mask[0] = 128
    assert compare(alpha, mask, ignore=128) == (1.0, 0.0)
    empty = np.zeros((4, 4), np.uint8)
    assert compare(empty.astype(np.float32), empty).iou == 1
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(alpha[:2], mask)


def test_evaluate_leaves_out_the_band_of_pets_only(pack: Path) -> None:
    def truth(image: Any) -> Any:
        return (image.astype(int).sum(2) < 330).astype(np.float32)

    table = evaluate(truth, pack / "eval" / "photos")
    assert set(table) == {"people", "pets"}
    assert table["pets"].iou > 0.98
    assert table["people"].iou > 0.95


def test_the_pretrained_start_is_kept_by_calibration(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Encoder().eval()
    folded: dict[str, Any] = {}
    for index, unit in enumerate(units_of(source)):
        folded[f"w{index:02d}"] = (unit.conv.weight.detach() * 2).numpy().astype(np.float16)
        folded[f"b{index:02d}"] = (
            np.random.default_rng(index).normal(0.3, 0.2, len(unit.conv.weight)).astype(np.float32)
        )
    np.savez(tmp_path / "folded.npz", **folded)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    encoder = Encoder()
    start_from(encoder, tmp_path / "folded.npz", x)
    plain = Encoder().eval()
    with torch.no_grad():
        for index, unit in enumerate(units_of(plain)):
            norm, _, variance = norm_of(unit)
            variance.fill_(1 - norm.eps)
            unit.conv.weight.copy_(torch.from_numpy(folded[f"w{index:02d}"].astype(np.float32)))
            norm.bias.copy_(torch.from_numpy(folded[f"b{index:02d}"]))
        torch.testing.assert_close(encoder(x)[0], plain(x)[0], atol=1e-4, rtol=1e-3)


def test_a_miniature_run_learns(pack: Path, tmp_path: Path) -> None:
    small = recipe(pack, tmp_path, steps=40)
    run, sampler = prepare(small)
    run.net.train()
    losses = []
    while progress(small, run) < 1:
        losses.append(step(run, sampler.batch(4, 64), rate_factor(small, run)))
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:4])


def test_a_coarse_step_teaches_the_deep_half_alone(pack: Path, tmp_path: Path) -> None:
    run, sampler = prepare(recipe(pack, tmp_path, steps=40))
    run.net.train()
    before = {name: weight.clone() for name, weight in run.net.named_parameters()}
    batch = sampler.batch(4, 64)
    losses = [step(run, batch, 0.5, coarse_only=True) for _ in range(30)]
    changed = {name for name, weight in run.net.named_parameters() if not torch.equal(weight, before[name])}
    shallow = ("encoder.stem.", "encoder.blocks.0.", "encoder.blocks.1.", "encoder.blocks.2.")
    deep = {name for name in before if name.startswith(("encoder.", "aspp.", "context.", "coarse."))}
    assert changed == {name for name in deep if not name.startswith(shallow)}
    assert losses[-1] < 0.7 * losses[0]


def test_coarse_logits_equal_those_of_the_whole_network() -> None:
    net = CvUnet().eval()
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(net.coarse_logits(x), net(x).coarse)


def test_coarse_steps_come_between_whole_ones_and_end_before_the_full_size(
    pack: Path, tmp_path: Path
) -> None:
    long = dataclasses.replace(
        recipe(pack, tmp_path, steps=100), coarse_steps=3, sides=((0.6, (64,)), (1.0, (64,)))
    )
    run, _ = prepare(long)
    kinds = []
    for run.step in range(100):
        kinds.append(coarse_only_now(long, run))
    assert kinds[:8] == [False, True, True, True] * 2
    assert not any(kinds[61:])
    assert not any(coarse_only_now(dataclasses.replace(long, coarse_steps=0), run) for run.step in range(100))


def test_resuming_goes_on_as_if_never_interrupted(pack: Path, tmp_path: Path) -> None:
    small = recipe(pack, tmp_path, steps=100)

    def advance(count: int) -> list[float]:
        run.net.train()
        return [step(run, sampler.batch(2, 64), 0.5) for _ in range(count)]

    run, sampler = prepare(small)
    advance(2)
    save(run, tmp_path / "checkpoint.pt")
    through = advance(3)
    run, sampler = prepare(small)
    assert run.step == 2
    np.testing.assert_allclose(advance(3), through, rtol=1e-5)


def test_a_checkpoint_of_another_format_is_refused(pack: Path, tmp_path: Path) -> None:
    run, _ = prepare(recipe(pack, tmp_path, steps=1))
    assert not restore(run, tmp_path / "none.pt")
    torch.save({"format": 99}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="format 99"):
        restore(run, tmp_path / "other.pt")


def test_the_last_few_checkpoints_are_kept_and_broken_weights_are_not_saved(
    pack: Path, tmp_path: Path
) -> None:
    run, _ = prepare(recipe(pack, tmp_path, steps=1))
    for run.step in range(1, 9):
        save(run, tmp_path / "checkpoint.pt")
    kept = sorted(path.name for path in tmp_path.glob("checkpoint-*.pt"))
    assert kept == [f"checkpoint-{step:06}.pt" for step in range(3, 9)]
    with torch.no_grad():
        next(run.net.parameters()).fill_(torch.nan)
    run.step = 9
    with pytest.raises(ArithmeticError, match="no longer finite"):
        save(run, tmp_path / "checkpoint.pt")
    sound, _ = prepare(recipe(pack, tmp_path, steps=1))
    assert sound.step == 8


def test_a_log_becomes_a_curve_that_falls_as_the_loss_does() -> None:
    lines = ["goes on from x"] + [f"step {n}  loss {1 / n:.4f}  3.1 images/s  2.0%" for n in range(1, 31)]
    points = learning_curve.points_of(lines)
    assert points.tolist()[1] == [2, 0.5]
    picture = learning_curve.drawn(points)
    strong = np.abs(picture.astype(int) - learning_curve.MEAN).max(2) < 20
    left, right = (np.nonzero(half.any(1))[0] for half in (strong[:, :300], strong[:, 450:]))
    assert left.min() < right.min(), "high on the left, low on the right"
    with pytest.raises(ValueError, match="two lines"):
        learning_curve.points_of(lines[:2])


def start(pack: Path, out: Path, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mattingd.training", "--data", str(pack), "--out", str(out)]
    command += ["--side", "64", "--pixels", "8192", "--save-seconds", "0.5", "--steps", str(steps)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_an_encoder_without_a_rate_stays_as_it_is(pack: Path, tmp_path: Path) -> None:
    small = dataclasses.replace(recipe(pack, tmp_path, steps=3), encoder_rate=0.0)
    run, sampler = prepare(small)
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    for _ in range(3):
        step(run, sampler.batch(2, 64), 1.0)
    moved = {name for name, value in run.net.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert not any(name.startswith("encoder.") for name in moved)


def test_a_killed_run_goes_on_at_its_saved_step(pack: Path, tmp_path: Path) -> None:
    with start(pack, tmp_path, 10_000) as first:
        assert first.stdout is not None
        saved = (line for line in first.stdout if line.startswith("saved"))
        next(saved)
        at = int(next(saved).split()[-1])
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    with start(pack, tmp_path, at + 3) as second:
        said, _ = second.communicate(timeout=120)
    assert second.returncode == 0
    resumed = int(said.splitlines()[0].split()[4].rstrip(","))
    assert resumed >= at
    assert "held back, at step" in said


def test_a_blend_is_the_mean_also_with_weights_that_have_no_detail_branch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, other = fuse(CvUnet()), fuse(CvUnet(detailed=False))
    mine = {name: value.clone() for name, value in net.state_dict().items()}
    theirs = other.state_dict()
    (tmp_path / "other.safetensors").write_bytes(safetensors.torch.save(theirs))
    mixed = exporting.blend(net, tmp_path / "other.safetensors", 0.75).state_dict()
    for name, value in mixed.items():
        if name.startswith("detail."):
            wanted = mine[name]
        elif name == "edge.weight":
            known = theirs[name].shape[1]
            torch.testing.assert_close(value[:, :known], 0.75 * mine[name][:, :known] + 0.25 * theirs[name])
            wanted = torch.cat([value[:, :known], 0.75 * mine[name][:, known:]], 1)
        else:
            wanted = 0.75 * mine[name] + 0.25 * theirs[name]
        torch.testing.assert_close(value, wanted)


def test_exporting_gives_a_model_that_the_engine_takes(pack: Path, tmp_path: Path) -> None:
    small = recipe(pack, tmp_path, steps=2)
    train(small)
    # A network that has learned nothing cannot pass for a model: its self-test would prove nothing.
    with pytest.raises(EngineFault, match="not told apart"):
        exporting.export(tmp_path / "checkpoint.pt", tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_the_exported_file_says_what_the_network_says(tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = CvUnet().eval()
    torch.save({"average": net.state_dict()}, tmp_path / "checkpoint.pt")
    stored = exporting.stored(exporting.averaged(tmp_path / "checkpoint.pt"))
    assert all(
        value.dtype == (torch.float16 if value.ndim > 1 else torch.float32) for value in stored.values()
    )
    content = safetensors.torch.save(stored)
    spec = exporting.spec_for(content)
    assert spec.sha256 == hashlib.sha256(content).hexdigest()
    data = json.loads(
        json.dumps({"title": "", "licence": "", "file": "", "golden": [], "spec": dataclasses.asdict(spec)})
    )
    engine = TorchEngine(parse(data), content, "cpu", "fp32")
    picture = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    with torch.no_grad():
        x = torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 127.5 - 1
        expected = torch.sigmoid(net(x).logits)[:, 0].numpy()
    np.testing.assert_allclose(engine.matte(picture), expected, atol=2e-2)


def test_a_batch_without_finite_gradients_changes_nothing(tmp_path: Path, pack: Path) -> None:
    run, sampler = prepare(Recipe(pack, None, tmp_path, seed=3))
    run.net.train()
    good = sampler.batch(2, 64)
    assert np.isfinite(step(run, good, 1.0))
    before = {name: value.clone() for name, value in run.net.state_dict().items() if "norm" not in name}
    average = {name: value.clone() for name, value in run.average.state.items()}
    bad = good._replace(alphas=np.full_like(good.alphas, np.nan))
    assert np.isnan(step(run, bad, 1.0))
    after = run.net.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(torch.equal(value, run.average.state[name]) for name, value in average.items())
    assert np.isfinite(step(run, good, 1.0))


def test_a_run_goes_on_from_exported_weights(tmp_path: Path, pack: Path) -> None:
    run, _ = prepare(Recipe(pack, None, tmp_path / "first", seed=3))
    run.average.update(run.net, 0)
    save(run, tmp_path / "first" / "checkpoint.pt")
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(
        safetensors.torch.save(exporting.stored(exporting.averaged(tmp_path / "first" / "checkpoint.pt")))
    )
    on, sampler = prepare(Recipe(pack, None, tmp_path / "second", weights=weights, rate=0.1))
    spreads = [float(norm_of(unit)[0].weight.detach().std()) for unit in units_of(on.net)]
    assert spreads[0] > 0.01, "norms have gains of their own again"
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(on.net.eval()(x).logits, run.net.eval()(x).logits, atol=0.02, rtol=0.02)
    assert np.isfinite(step(on, sampler.batch(2, 64), 0.1))
    save(on, tmp_path / "second" / "checkpoint.pt")
    assert exporting.stored(exporting.averaged(tmp_path / "second" / "checkpoint.pt"))


@pytest.mark.parametrize("detailed", [False, True])
def test_new_parts_join_older_weights_without_a_say(*, detailed: bool) -> None:
    torch.manual_seed(5)
    older = fuse(CvUnet(detailed=detailed, contextual=False))
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    newer = unfolded(older.state_dict(), x)
    assert newer.detail is not None
    assert isinstance(newer.context, Context)
    with torch.no_grad():
        torch.testing.assert_close(newer(x).logits, older(x).logits, atol=1e-3, rtol=1e-3)


def test_new_parts_learn_from_the_first_step(tmp_path: Path, pack: Path) -> None:
    run, sampler = prepare(Recipe(pack, None, tmp_path, seed=3))
    run.net.add_nothing(run.net.state_dict().keys())
    step(run, sampler.batch(2, 64), 1.0)
    step(run, sampler.batch(2, 64), 1.0)
    moved = run.net.state_dict()
    assert moved["context.leave.weight"].abs().max() > 0
    assert moved["refine8.second.norm.weight"].abs().max() > 0


def test_weights_of_a_team_keep_the_network_they_came_from() -> None:
    older = fuse(CvUnet(contextual=False))
    kept = unfolded(older.state_dict(), torch.rand(2, 3, 64, 64), grow=False)
    assert not isinstance(kept.context, Context)
