"""`python -m mattingd.training --data DIR` trains; `solve` prepares, `export` writes, the others judge."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from mattingd.training import softset
from mattingd.training.ablation import VARIANTS, compared, table_row
from mattingd.training.assets import open_library, photos_in
from mattingd.training.curve import write_curve
from mattingd.training.end_to_end import score_cut_outs
from mattingd.training.evaluate import evaluate, predict, table_line
from mattingd.training.export import averaged, export
from mattingd.training.sheet import write_sheet
from mattingd.training.solving import solve_all
from mattingd.training.train import Recipe, say, train

ENCODER = "mobilenetv2_deeplabv3_voc.npz"
VERBS = ("train", "export", "evaluate", "score", "solve", "softset", "curve", "ablate")


def parser() -> argparse.ArgumentParser:
    """The command line; `train` is what is meant when no verb is given."""
    top = argparse.ArgumentParser(prog="python -m mattingd.training", description=__doc__)
    top.add_argument("--out", type=Path, default=Path("build/train"), help="folder of checkpoint.pt")
    top.add_argument("--threads", type=int, default=1, help="threads of the arithmetic")
    verbs = top.add_subparsers(dest="verb", required=True)
    trains = verbs.add_parser("train", help="train, or go on training")
    trains.add_argument("--data", type=Path, required=True, help="the data pack")
    trains.add_argument("--encoder", type=Path, help=f"default: DATA/../weights/{ENCODER}, where it exists")
    trains.add_argument("--solved", type=Path, help="folder of mattes that `solve` wrote")
    trains.add_argument("--weights", type=Path, help="go on from these exported weights instead")
    trains.add_argument("--rate", type=float, default=Recipe.rate, help="scales the learning rates")
    trains.add_argument("--decay", type=float, default=Recipe.decay, help="of the averaged weights")
    trains.add_argument("--steady", action="store_true", help="keep the decoder's norms as they are, too")
    trains.add_argument("--minutes", type=float, default=Recipe.minutes)
    trains.add_argument("--steps", type=int, default=Recipe.steps)
    trains.add_argument(
        "--side", type=int, nargs="+", help="draw network sides from these (default: growing, 224 to 416)"
    )
    trains.add_argument("--pixels", type=int, default=Recipe.pixels, help="pixels in a batch")
    trains.add_argument("--save-seconds", type=float, default=Recipe.save_seconds)
    exports = verbs.add_parser("export", help="write the averaged weights into the package")
    exports.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "engine" / "weights")
    exports.add_argument("--blend", type=Path, help="the mean with these exported weights")
    scores = verbs.add_parser("evaluate", help="score the averaged weights at network size")
    scores.add_argument("--data", type=Path, required=True)
    scores.add_argument("--sheet", type=Path, help="also write a contact sheet of every third picture here")
    ends = verbs.add_parser("score", help="score the shipped weights end to end, through `mattingd process`")
    ends.add_argument("--data", type=Path, required=True)
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
    for verb in (trains, exports, scores, ends, solves, composites, curves, ablates):
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
        decay=given.decay,
        steady=given.steady,
        solved=given.solved,
        save_seconds=given.save_seconds,
    )


def judge(checkpoint: Path, photos: Path, sheet: Path | None) -> None:
    """Print the scores of a checkpoint's averaged weights; on request show every third picture."""
    net = averaged(checkpoint)
    say(table_line(evaluate(lambda image: predict(net, image), photos)))
    if sheet is not None:
        shown = [photo for folder in sorted(photos.glob("*/")) for photo in photos_in(folder)[::3]]
        write_sheet(sheet, ((photo.image, predict(net, photo.image)) for photo in shown))


def main(arguments: list[str]) -> None:
    """Do as the command line says."""
    if not any(word in VERBS for word in arguments) and not {"-h", "--help"} & set(arguments):
        arguments = ["train", *arguments]
    given = parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    if given.verb == "train":
        train(recipe(given))
    elif given.verb == "export":
        spec = export(given.out / "checkpoint.pt", given.to, given.blend)
        say(f"{given.to / spec.id}.safetensors  sha256 {spec.sha256}")
    elif given.verb == "solve":
        photos = open_library(given.data).photos
        chosen = [photo for group in ("pets", "people") for photo in photos.get(group, ())]
        say(f"{sum(1 for _ in solve_all(chosen, given.to))} mattes in {given.to}")
    elif given.verb == "curve":
        write_curve(given.log, given.to)
    elif given.verb == "ablate":
        encoder = given.data.parent / "weights" / ENCODER
        small = Recipe(given.data, encoder, given.out, solved=given.solved, steps=given.steps, decay=0.98)
        for result in compared(small, given.variants, given.side):
            say(table_row(result))
    elif given.verb == "softset":
        lands = open_library(given.data).backgrounds
        say(f"{softset.write(given.data, lands, given.to)} composites in {given.to}")
    elif given.verb == "score":
        say(table_line(score_cut_outs(given.data / "eval" / "photos")))
    else:
        judge(given.out / "checkpoint.pt", given.data / "eval" / "photos", given.sheet)


if __name__ == "__main__":
    main(sys.argv[1:])
