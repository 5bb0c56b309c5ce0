"""`python -m mattingd.training --data DIR` trains; `solve` prepares, `export` writes, the others judge."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mattingd.inference import registry
from mattingd.inference.backends.torch_backend import TorchEngine
from mattingd.training.ablation import VARIANTS, compared, table_row
from mattingd.training.data import no_subject, soft_composites
from mattingd.training.data.closed_form import solve_all
from mattingd.training.data.datasets import open_library, photos_in
from mattingd.training.evaluate import evaluate, predict, table_line
from mattingd.training.export import averaged, export
from mattingd.training.learning_curve import write_curve
from mattingd.training.pipeline_eval import score_cut_outs
from mattingd.training.sheet import write_sheet
from mattingd.training.train import Recipe, say, train

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODER = "mobilenetv2_deeplabv3_voc.npz"


def say_how(trains: argparse.ArgumentParser) -> None:
    """The options of a training: `Recipe`."""
    trains.add_argument("--data", type=Path, required=True, help="the data pack")
    trains.add_argument("--more", type=Path, nargs="+", default=(), help="packs of many sources")
    trains.add_argument(
        "--photo-share", type=float, default=Recipe.photo_share, help="of photographs as they are"
    )
    trains.add_argument(
        "--empty-share", type=float, default=Recipe.empty_share, help="of pictures of nothing"
    )
    trains.add_argument(
        "--coarse-steps",
        type=int,
        default=Recipe.coarse_steps,
        help="steps of the coarse head before each whole one",
    )
    trains.add_argument("--encoder", type=Path, help=f"default: DATA/../weights/{ENCODER}, where it exists")
    trains.add_argument("--solved", type=Path, help="folder of mattes that `solve` wrote")
    trains.add_argument("--weights", type=Path, help="go on from these exported weights instead")
    trains.add_argument("--rate", type=float, default=Recipe.rate, help="scales the learning rates")
    trains.add_argument("--encoder-rate", type=float, default=Recipe.encoder_rate, help="0 keeps the encoder")
    trains.add_argument("--decay", type=float, default=Recipe.decay, help="of the averaged weights")
    trains.add_argument("--steady", action="store_true", help="keep the decoder's norms as they are, too")
    trains.add_argument("--seed", type=int, default=Recipe.seed)
    trains.add_argument("--minutes", type=float, default=Recipe.minutes)
    trains.add_argument("--steps", type=int, default=Recipe.steps)
    trains.add_argument(
        "--side", type=int, nargs="+", help="draw network sides from these (default: growing, 224 to 416)"
    )
    trains.add_argument("--pixels", type=int, default=Recipe.pixels, help="pixels in a batch")
    trains.add_argument("--save-seconds", type=float, default=Recipe.save_seconds)


def parser() -> argparse.ArgumentParser:
    """The command line; `train` is what is meant when no verb is given."""
    top = argparse.ArgumentParser(prog="python -m mattingd.training", description=__doc__)
    top.add_argument("--out", type=Path, default=Path("build/train"), help="folder of checkpoint.pt")
    top.add_argument("--threads", type=int, default=1, help="threads of the arithmetic")
    verbs = top.add_subparsers(dest="verb", required=True)
    trains = verbs.add_parser("train", help="train, or go on training")
    say_how(trains)
    exports = verbs.add_parser("export", help="write the averaged weights into the package")
    exports.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "inference" / "weights")
    exports.add_argument("--blend", type=Path, help="the mean with these exported weights")
    exports.add_argument("--share", type=float, default=0.5, help="of the training's own in that mean")
    scores = verbs.add_parser("evaluate", help="score the averaged weights at network size")
    scores.add_argument("--data", type=Path, required=True)
    scores.add_argument("--sheet", type=Path, help="also write a contact sheet of every third picture here")
    ends = verbs.add_parser("score", help="score the shipped weights end to end, through `mattingd process`")
    ends.add_argument("--data", type=Path, required=True)
    nothing = verbs.add_parser("empties", help="whether pictures without a subject are reported as such")
    nothing.add_argument("--data", type=Path, required=True)
    solves = verbs.add_parser("solve", help="solve the pack's masks into soft mattes (needs pymatting)")
    composites = verbs.add_parser("softset", help="write composites with known soft mattes, for judging")
    for verb in (solves, composites):
        verb.add_argument("--data", type=Path, required=True)
        verb.add_argument("--to", type=Path, required=True, help="folder to write into")
    ablates = verbs.add_parser("ablate", help="train small variants of network and loss, and compare them")
    ablates.add_argument("--data", type=Path, required=True)
    ablates.add_argument("--solved", type=Path, help="folder of mattes that `solve` wrote")
    ablates.add_argument("--steps", type=int, default=240)
    ablates.add_argument("--side", type=int, default=224, help="network side they are trained at")
    ablates.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    curves = verbs.add_parser("curve", help="draw a training's log")
    curves.add_argument("--log", type=Path, required=True)
    curves.add_argument("--to", type=Path, required=True, help="the PNG")
    for verb in (trains, exports, scores, ends, solves, composites, curves, ablates, nothing):
        verb.add_argument("--out", type=Path, default=argparse.SUPPRESS, help="folder of checkpoint.pt")
        verb.add_argument("--threads", type=int, default=argparse.SUPPRESS)
    return top


def recipe(given: argparse.Namespace) -> Recipe:
    """The run that the command line describes."""
    usual = given.data.parent / "weights" / ENCODER
    encoder = given.encoder or (usual if usual.exists() else None)
    sides = Recipe.sides if given.side is None else ((1.0, tuple(given.side)),)
    return Recipe(
        given.data,
        encoder,
        given.out,
        minutes=given.minutes,
        steps=given.steps,
        pixels=given.pixels,
        sides=sides,
        weights=given.weights,
        rate=given.rate,
        encoder_rate=given.encoder_rate,
        decay=given.decay,
        steady=given.steady,
        seed=given.seed,
        solved=given.solved,
        more=tuple(given.more),
        photo_share=given.photo_share,
        empty_share=given.empty_share,
        coarse_steps=given.coarse_steps,
        save_seconds=given.save_seconds,
    )


def judge(given: argparse.Namespace) -> None:
    """Print the scores of a checkpoint's averaged weights; on request show every third picture."""
    net, photos = averaged(given.out / "checkpoint.pt"), given.data / "eval" / "photos"
    say(table_line(evaluate(lambda image: predict(net, image), photos)))
    if given.sheet is not None:
        shown = [photo for folder in sorted(photos.glob("*/")) for photo in photos_in(folder)[::3]]
        write_sheet(given.sheet, ((photo.image, predict(net, photo.image)) for photo in shown))


def write_weights(given: argparse.Namespace) -> None:
    """Put the averaged weights into the package."""
    spec = export(given.out / "checkpoint.pt", given.to, given.blend, given.share)
    say(f"{given.to / spec.id}.safetensors  sha256 {spec.sha256}")


def solve(given: argparse.Namespace) -> None:
    """Solve the mattes that gain by it."""
    photos = open_library(given.data).photos
    chosen = [photo for group in ("pets", "people") for photo in photos.get(group, ())]
    say(f"{sum(1 for _ in solve_all(chosen, given.to))} mattes in {given.to}")


def write_softset(given: argparse.Namespace) -> None:
    """Write the composites that softness is judged by."""
    lands = open_library(given.data).backgrounds
    say(f"{soft_composites.write(given.data, lands, given.to)} composites in {given.to}")


def count_empties(given: argparse.Namespace) -> None:
    """Say how many pictures without a subject the shipped weights report as such."""
    model = registry.entry()
    engine = TorchEngine(model, registry.weights(model), "cpu", "fp32")
    lands = open_library(given.data).backgrounds
    count = no_subject.reported(engine, lands)
    say(
        f"reported: {count.drawn} of {no_subject.DRAWN} drawn, {count.lands} of {no_subject.LANDS} landscapes"
    )


def ablate(given: argparse.Namespace) -> None:
    """Print a row for each variant as it is done."""
    encoder = given.data.parent / "weights" / ENCODER
    small = Recipe(given.data, encoder, given.out, solved=given.solved, steps=given.steps, decay=0.98)
    for result in compared(small, given.variants, given.side):
        say(table_row(result))


VERBS: dict[str, Callable[[argparse.Namespace], object]] = {
    "train": lambda given: train(recipe(given)),
    "export": write_weights,
    "evaluate": judge,
    "score": lambda given: say(table_line(score_cut_outs(given.data / "eval" / "photos"))),
    "solve": solve,
    "softset": write_softset,
    "empties": count_empties,
    "ablate": ablate,
    "curve": lambda given: write_curve(given.log, given.to),
}


def main(arguments: list[str]) -> None:
    """Do as the command line says."""
    if not any(word in VERBS for word in arguments) and not {"-h", "--help"} & set(arguments):
        arguments = ["train", *arguments]
    given = parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    VERBS[given.verb](given)


if __name__ == "__main__":
    main(sys.argv[1:])
