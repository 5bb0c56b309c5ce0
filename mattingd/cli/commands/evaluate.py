"""`mattingd evaluate`: measure the model on pictures with known mattes."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import track
from rich.table import Table

from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import console_for
from mattingd.config import ConfigError, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.inference import model_store, registry
from mattingd.inference.backend import EngineError

if TYPE_CHECKING:
    from mattingd.inference.backend import Engine
    from mattingd.training.metrics import Measures
    from mattingd.training.scoring import Pair, Verdict

    Rows = dict[str, tuple[int, Measures]]

HEADS: dict[str, Callable[[float], str]] = {
    "iou": "{:.4f}".format, "mad": "{:.4f}".format, "mse": "{:.4f}".format, "sad": "{:.3f}".format,
    "grad_mat": "{:.3f}".format, "grad_scipy": "{:.2f}".format, "conn": "{:.3f}".format,
}  # fmt: skip
TITLES = {"iou": "IoU", "mad": "MAE, MAD", "mse": "MSE", "sad": "SAD", "conn": "Conn"}
SHOWN = 12
"""Pictures on the sheet of the worst."""


@dataclass(frozen=True, slots=True)
class Question:
    """The options of the command line."""

    folder: Path
    model: str
    trimaps: tuple[str, ...]
    sheet: Path | None
    json: bool


def evaluate(question: Question) -> ExitCode:
    """Evaluate one model, print its table, and show its worst results."""
    pairs = _pairs(question.folder)
    engine = engine_of(question.model)
    verdicts = _verdicts(engine, pairs, question.trimaps, question.model, quiet=question.json)
    from mattingd.training import scoring  # noqa: PLC0415 - cv2 only for who needs it

    rows = scoring.table(verdicts)
    if question.json:
        _print_json(question.model, rows, verdicts)
    else:
        console = console_for()
        console.print(_table(rows))
        missed = [verdict.pair for verdict in verdicts if not verdict.found]
        for pair in missed:
            console.print(f"no subject found: {pair.group}/{pair.picture.name}", markup=False, soft_wrap=True)
    if question.sheet is not None:
        from mattingd.training.sheet import write_sheet  # noqa: PLC0415

        shown = scoring.worst(verdicts, SHOWN)
        write_sheet(question.sheet, ((v.image, v.said, v.truth) for v in shown), columns=1)
        if not question.json:
            console.print(
                f"The {len(shown)} worst, each as picture, matte, cut-out and true matte: {question.sheet}",
                markup=False,
                soft_wrap=True,
            )
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class Contest:
    """Two models, and the pictures to compare them on."""

    first: str
    second: str
    folder: Path
    trimaps: tuple[str, ...]
    json: bool


def compare(contest: Contest) -> ExitCode:
    """Evaluate two models on the same pictures, and print them side by side."""
    from mattingd.training import scoring  # noqa: PLC0415

    pairs = _pairs(contest.folder)
    names = (contest.first, contest.second)
    engines = [engine_of(name) for name in names]
    found = [
        _verdicts(engine, pairs, contest.trimaps, name, quiet=contest.json)
        for engine, name in zip(engines, names, strict=True)
    ]
    tables = [scoring.table(verdicts) for verdicts in found]
    better = sum(two.measures.mad < one.measures.mad for one, two in zip(*found, strict=True))
    worse = sum(two.measures.mad > one.measures.mad for one, two in zip(*found, strict=True))
    if contest.json:
        sets = [
            {group: {"pictures": count, **measures._asdict()} for group, (count, measures) in rows.items()}
            for rows in tables
        ]
        told = {"first": names[0], "second": names[1], "sets": sets, "better": better, "worse": worse}
        print(json.dumps(told))  # noqa: T201
        return ExitCode.OK
    console = console_for()
    console.print(_one_above_the_other(names, *tables))
    console.print(
        f"{names[1]} is nearer to the truth than {names[0]} in {better} of {len(pairs)} pictures,"
        f" farther in {worse} (by MAD).",
        markup=False,
        soft_wrap=True,
    )
    return ExitCode.OK


def engine_of(model: str) -> "Engine":
    """Load a model by its id, or by a file of weights of the same network.

    Raises:
        CommandError: there is none, or it is unusable.
    """
    path = Path(model)
    try:
        if model in registry.models():
            return registry.load(model)
        if path.suffix == ".safetensors" and path.is_file():
            from mattingd.inference.backends.torch_backend import TorchEngine  # noqa: PLC0415 - torch is heavy

            return TorchEngine(registry.entry(), path.read_bytes())
        installed = {each.name: each for each in model_store.adopted(_state_dir())}
        if model in installed:
            file = model_store.weights_file(_state_dir(), installed[model].sha256)
            return registry.load(file=str(file))
    except EngineError as error:
        raise CommandError(f"{model}: {error}") from error
    names = ", ".join([*registry.models(), *installed])
    raise CommandError(f"{model}: neither a model ({names}) nor a file of weights (.safetensors)")


def _state_dir() -> Path | None:
    """Return the state directory of the configuration in use, if there is one."""
    try:
        return load(find_config(None)).state_dir
    except (CommandError, ConfigError):
        return None


def _pairs(folder: Path) -> "tuple[Pair, ...]":
    from mattingd.training.scoring import pairs_in  # noqa: PLC0415

    if not folder.is_dir():
        raise CommandError(f"{folder}: no such folder")
    pairs = pairs_in(folder)
    if not pairs:
        raise CommandError(
            f"{folder}: no picture with a mask beside it."
            " Name the mask of shoe.jpg shoe.png, or shoe.mask.png."
        )
    return pairs


def _verdicts(
    engine: "Engine", pairs: "Iterable[Pair]", trimaps: tuple[str, ...], name: str, *, quiet: bool
) -> "list[Verdict]":
    from mattingd.training.scoring import judge  # noqa: PLC0415

    waiting = list(pairs)
    unknown = set(trimaps) - {pair.group for pair in waiting}
    if unknown:
        raise CommandError(f"--trimaps {min(unknown)}: no folder of that name holds pictures with masks")
    console = console_for(error=True)
    shown = track(waiting, name, console=console, disable=quiet or not console.is_terminal, transient=True)
    try:
        return list(judge(engine, shown, trimaps))
    except (ValueError, EngineError) as error:
        raise CommandError(str(error)) from error


def _table(rows: "Rows") -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("set")
    table.add_column("pictures", justify="right")
    for name in HEADS:
        table.add_column(TITLES.get(name, name), justify="right")
    for group, (count, measures) in rows.items():
        values = measures._asdict()
        style = "bold" if group == "overall" else ""
        table.add_row(group, str(count), *(form(values[name]) for name, form in HEADS.items()), style=style)
    return table


def _one_above_the_other(names: tuple[str, str], first: "Rows", second: "Rows") -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("set", "pictures", "model"):
        table.add_column(title, justify="right" if title == "pictures" else "left")
    for name in HEADS:
        table.add_column(TITLES.get(name, name), justify="right")
    for group, (count, measures) in first.items():
        for name, told in zip(names, (measures, second[group][1]), strict=True):
            values = told._asdict()
            head = (group, str(count)) if told is measures else ("", "")
            cells = (form(values[measure]) for measure, form in HEADS.items())
            table.add_row(*head, Path(name).stem, *cells, style="bold" if group == "overall" else "")
    return table


def _print_json(model: str, rows: "Rows", verdicts: "Iterable[Verdict]") -> None:
    sets = {group: {"pictures": count, **measures._asdict()} for group, (count, measures) in rows.items()}
    each = [
        {"picture": str(v.pair.picture), "set": v.pair.group, "found": v.found, **v.measures._asdict()}
        for v in verdicts
    ]
    print(json.dumps({"model": model, "sets": sets, "pictures": each}))  # noqa: T201
