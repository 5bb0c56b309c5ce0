"""The training run: schedule, steps, checkpoints, reports. Ends by steps or minutes, what comes first."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from safetensors.torch import load_file

from mattingd.inference.networks.cv_unet import CvUnet, channels_last
from mattingd.system.clock import monotonic_ns
from mattingd.training.checkpoints import Average, Run, restore, save, with_state
from mattingd.training.data.datasets import divided, open_library, with_world, world_in
from mattingd.training.data.sampler import Batch, Sampler
from mattingd.training.encoder import freeze_statistics, start_from, unfolded
from mattingd.training.evaluate import SIDE, predict, scores_of, table_line, to_tensor
from mattingd.training.losses import TERMS, Terms, coarse_loss, matting_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from mattingd.training.data.datasets import Library, Photo


@dataclass(frozen=True)
class Recipe:
    """All that decides a run; the defaults made the shipped weights."""

    data: Path
    """The data pack: `train/{photos,cutouts,backgrounds}/*/`, optionally `eval/photos/*/`."""
    encoder: Path | None
    """The folded MobileNetV2 (npz) to start from; None starts from random weights."""
    out: Path
    """Folder of `checkpoint.pt`."""
    more: tuple[Path, ...] = ()
    """Packs of many sources (`world_in`), with their `eval` parts to report on."""
    solved: Path | None = None
    """Folder of mattes solved from the pack's masks (`solving`)."""
    minutes: float = 110.0
    """Wall-clock minutes of training, summed over resumed runs."""
    steps: int = 6000
    """Most steps; the schedule's progress is the larger of its share of steps and of minutes."""
    pixels: int = 12 * 256 * 256
    """Pixels in a batch: 12 pictures at side 256, 5 at side 384."""
    sides: tuple[tuple[float, tuple[int, ...]], ...] = (
        (0.55, (224, 256, 288)),
        (0.82, (288, 320, 352)),
        (1.0, (352, 384, 416)),
    )
    """Until which progress which network sides are drawn from."""
    coarse_steps: int = 0
    """Steps of the coarse head alone before each whole one, until the last of `sides`: they teach where the
    subject is, three pictures in the time of one."""
    encoder_rate: float = 3e-4
    """0 leaves the encoder as it is, and each step takes two thirds of the time."""
    decoder_rate: float = 2e-3
    warm_up: int = 100
    photo_share: float = 0.62
    """Of pictures that are photographs as they are."""
    empty_share: float = 0.08
    """Of pictures without a subject. The rest are composites."""
    weights: Path | None = None
    """Exported weights (safetensors) to go on from instead."""
    grow: bool = True
    """Whether weights of an older network get the parts that it lacks."""
    rate: float = 1.0
    """Scales both rates; a run that goes on from weights wants about a tenth."""
    steady: bool = False
    """Whether the decoder's norms, too, keep the statistics they have: for the end of a training."""
    decay: float = 0.998
    save_seconds: float = 180.0
    report_steps: int = 20
    evaluate_seconds: float = 1200.0
    seed: int = 1


def say(line: str) -> None:
    """One line to standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def progress(recipe: Recipe, run: Run) -> float:
    """How far the schedule is, in [0,1]."""
    return min(1.0, max(run.step / recipe.steps, run.seconds / (60 * recipe.minutes)))


def minutes_left(recipe: Recipe, run: Run) -> float:
    """Until the schedule's end, at the speed so far."""
    done = progress(recipe, run)
    return run.seconds / 60 * (1 - done) / max(done, 1e-9)


def rate_factor(recipe: Recipe, run: Run) -> float:
    """Warm-up, then half a cosine down to 1 %."""
    cosine = 0.5 * (1 + math.cos(math.pi * progress(recipe, run)))
    return recipe.rate * min(1.0, (run.step + 1) / recipe.warm_up) * max(0.01, cosine)


def side_now(recipe: Recipe, run: Run) -> int:
    """A network side for the next batch."""
    done = progress(recipe, run)
    choice = next(sides for until, sides in recipe.sides if done <= until)
    return int(run.rng.choice(choice))


def optimiser_for(net: CvUnet, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW with the encoder's and the decoder's rates; gains and biases are not decayed."""
    groups = []
    net.encoder.requires_grad_(recipe.encoder_rate > 0)
    for rate, mine in ((recipe.encoder_rate, True), (recipe.decoder_rate, False)):
        if not rate:
            continue
        named = [p for name, p in net.named_parameters() if name.startswith("encoder.") == mine]
        for decay, flat in ((0.01, False), (0.0, True)):
            chosen = [p for p in named if (p.ndim == 1) == flat]
            groups.append({"params": chosen, "lr": rate, "base": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def coarse_only_now(recipe: Recipe, run: Run) -> bool:
    """Whether the next step is one of the coarse head alone."""
    until = recipe.sides[-2][0] if len(recipe.sides) > 1 else 0
    return progress(recipe, run) <= until and run.step % (recipe.coarse_steps + 1) != 0


def loss_of(net: CvUnet, batch: Batch, terms: Terms, *, coarse_only: bool) -> Tensor:
    """The loss of `batch`: of the whole network, or of the coarse head alone."""
    images = to_tensor(batch.images)
    target, weight = (torch.from_numpy(plane)[:, None] for plane in (batch.alphas, batch.weights))
    if coarse_only:
        with torch.autocast("cpu", torch.bfloat16):
            coarse = net.coarse_logits(images)
        return coarse_loss(coarse, target, weight, terms)
    with torch.autocast("cpu", torch.bfloat16):
        output = net(images)
    return matting_loss(output, target, weight, terms)


def step(run: Run, batch: Batch, factor: float, terms: Terms = TERMS, *, coarse_only: bool = False) -> float:
    """One optimiser step on `batch`, of the whole network or of the coarse head alone; the loss before it.

    A batch whose gradients are not finite changes nothing: one such step would make every weight NaN.
    """
    freeze_statistics(run.net.encoder)
    for group in run.optimiser.param_groups:
        group["lr"] = group["base"] * factor
    loss = loss_of(run.net, batch, terms, coarse_only=coarse_only)
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(run.net.parameters(), 2.0)
    run.step += 1
    if not torch.isfinite(norm):
        return math.nan
    run.optimiser.step()
    run.average.update(run.net, run.step - 1)
    return float(loss.detach())


def going_on(weights: Path, sampler: Sampler, *, grow: bool) -> CvUnet:
    """The network of exported weights (safetensors), made ready for training."""
    return unfolded(load_file(weights), to_tensor(sampler.batch(6, SIDE).images), grow=grow)


def prepare(recipe: Recipe, library: Library | None = None) -> tuple[Run, Sampler]:
    """A run at its start, or where its checkpoint left it; without a `library`, on the whole pack's."""
    cv2.setNumThreads(1)
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    library = library or with_world(open_library(recipe.data, recipe.solved), recipe.more)
    sampler = Sampler(library, rng, photo_share=recipe.photo_share, empty_share=recipe.empty_share)
    net = channels_last(
        CvUnet() if recipe.weights is None else going_on(recipe.weights, sampler, grow=recipe.grow)
    )
    run = Run(net, optimiser_for(net, recipe), Average(recipe.decay), rng)
    recipe.out.mkdir(parents=True, exist_ok=True)
    if restore(run, recipe.out / "checkpoint.pt"):
        say(f"goes on at step {run.step}, {run.seconds / 60:.1f} minutes")
    elif recipe.weights is not None:
        say(f"goes on from {recipe.weights.name}")
    elif recipe.encoder is not None:
        start_from(net.encoder, recipe.encoder, to_tensor(sampler.batch(12, recipe.sides[0][1][0]).images))
        say(f"starts from {recipe.encoder.name}")
    return run, sampler


def report(run: Run, photos: Mapping[str, Sequence[Photo]]) -> None:
    """Scores of the averaged weights on photographs that are held back; for the log only."""
    if photos and run.average.state:
        net = channels_last(with_state(run.average.state)).eval()
        table = scores_of(lambda image: predict(net, image, SIDE), photos)
        say(f"held back, at step {run.step}: {table_line(table)}")


class Stopwatch:
    """Seconds since it was made, on top of what earlier runs took."""

    def __init__(self, before: float) -> None:
        self.before, self.start = before, monotonic_ns()

    def seconds(self) -> float:
        """Seconds in all."""
        return self.before + (monotonic_ns() - self.start) / 1e9


class Every:
    """Says that something is due once in so many seconds."""

    def __init__(self, seconds: float, now: float) -> None:
        self.seconds, self.deadline = seconds, now + seconds

    def due(self, now: float) -> bool:
        """Whether the deadline has passed; the next one counts from now."""
        if self.deadline > now:
            return False
        self.deadline = now + self.seconds
        return True


class Ticker:
    """The log's lines: mean loss and speed since the line before."""

    def __init__(self, now: float) -> None:
        self.start_again(now)

    def start_again(self, now: float) -> None:
        """Forget what was counted."""
        self.losses: list[float] = []
        self.coarse: list[float] = []
        self.pictures, self.since, self.skipped = 0, now, 0

    def add(self, loss: float, pictures: int, *, coarse_only: bool = False) -> None:
        """Count one step, of the whole network or of the coarse head alone."""
        if math.isfinite(loss):
            (self.coarse if coarse_only else self.losses).append(loss)
        else:
            self.skipped += 1
        self.pictures += pictures

    def line(self, recipe: Recipe, run: Run) -> str:
        """What to say now; counting starts again."""
        speed = self.pictures / max(run.seconds - self.since, 1e-9)
        if not self.losses and not self.coarse:
            raise ArithmeticError(f"none of the last {self.skipped} batches had finite gradients")
        kinds = (("loss", self.losses), ("coarse", self.coarse))
        means = "  ".join(f"{name} {np.mean(losses):.4f}" for name, losses in kinds if losses)
        text = f"step {run.step}  {means}  {speed:.1f} images/s"
        text += f"  {self.skipped} skipped" if self.skipped else ""
        self.start_again(run.seconds)
        return f"{text}  {progress(recipe, run):.1%}, {minutes_left(recipe, run):.0f} min left"


def train(recipe: Recipe, library: Library | None = None) -> Run:
    """Train until the schedule's end; resumes from `recipe.out` and leaves the final checkpoint there.

    Without a `library` it learns from the pack, and holds back some of its photographs to report on.
    """
    watched: dict[str, Sequence[Photo]] = {}
    if library is None:
        library, aside = divided(open_library(recipe.data, recipe.solved))
        library = with_world(library, recipe.more)
        watched = dict(aside.photos)
        for pack in recipe.more:
            watched[pack.name] = [photo for group in world_in(pack, "eval").values() for photo in group]
    run, sampler = prepare(recipe, library)
    run.net.train(not recipe.steady)
    path, clock = recipe.out / "checkpoint.pt", Stopwatch(run.seconds)
    saving, judging = Every(recipe.save_seconds, run.seconds), Every(recipe.evaluate_seconds, run.seconds)
    ticker = Ticker(run.seconds)
    while progress(recipe, run) < 1:
        side = side_now(recipe, run)
        batch = sampler.batch(max(2, recipe.pixels // (side * side)), side)
        coarse_only = coarse_only_now(recipe, run)
        loss = step(run, batch, rate_factor(recipe, run), coarse_only=coarse_only)
        ticker.add(loss, len(batch.images), coarse_only=coarse_only)
        run.seconds = clock.seconds()
        if run.step % recipe.report_steps == 0:
            say(ticker.line(recipe, run))
        if saving.due(run.seconds):
            save(run, path)
            say(f"saved at step {run.step}")
        if judging.due(run.seconds):
            report(run, watched)
    save(run, path)
    report(run, watched)
    return run
