"""`mattingd process` for one picture whose cut-out has a name: a file, or a pipe.

The usual run, in a hidden folder that is removed with it; nothing is overwritten.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import typer

from mattingd.cli.commands import process as folders
from mattingd.cli.commands.process import Order
from mattingd.cli.errors import CommandError
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.presets import EXTENSIONS
from mattingd.system.filesystem import TEMP_PREFIX, Disk

PIPE = Path("-")
"""Standard input as a picture, standard output as its cut-out."""
_FORMATS = {ending: name for name, ending in EXTENSIONS.items()} | {".jpeg": "jpeg", ".tiff": "tiff"}


def target_of(paths: list[Path], output: Path | None) -> Path:
    """Return the output: the given one, or standard output for the picture on standard input.

    Raises:
        typer.BadParameter: none is given.
    """
    if output is not None:
        return output
    if paths == [PIPE]:
        return PIPE
    raise typer.BadParameter("say where cut-outs go: -o FOLDER", param_hint="'--output' / '-o'")


def is_one(order: Order) -> bool:
    """Whether the cut-out of one picture becomes a file of this name, or goes through a pipe."""
    if PIPE in {*order.paths, order.output}:
        return True
    is_file = order.output.suffix.lower() in _FORMATS and not order.output.is_dir()
    return is_file and len(order.paths) == 1 and not order.paths[0].is_dir()


def process(order: Order) -> ExitCode:
    """Cut out one picture.

    Raises:
        CommandError: the options are invalid, or the file already exists.
    """
    _check(order)
    with _workplace(order) as place:
        return _process(order, place)


def _process(order: Order, place: Path) -> ExitCode:
    out = place / "out"
    picture = _from_pipe(place) if order.paths == (PIPE,) else order.paths[0]
    outcome = folders.run(replace(order, paths=(picture,), output=out, format=_format(order)))
    name = "standard input" if order.paths == (PIPE,) else str(picture)
    for end in (*outcome.progress.failures, *outcome.progress.ignored):
        raise CommandError(f"{name}: {end.reason}", code=ExitCode.FAILED)
    if outcome.code is not ExitCode.OK or not outcome.progress.done:
        raise CommandError(f"{name}: {outcome.stop.reason}", code=outcome.code or ExitCode.FAILED)
    for each in outcome.unsure:
        print(replace(each, name=name).line(), file=sys.stderr)  # noqa: T201
    made = sorted((path for path in out.iterdir() if path.is_file()), key=lambda path: len(path.name))
    made = [path for path in made if not path.name.startswith(TEMP_PREFIX)]
    if order.output == PIPE:
        _to_pipe(made)
    else:
        _put(made, order.output)
    return ExitCode.OK


def _check(order: Order) -> None:
    if len(order.paths) > 1:
        raise CommandError("- is one picture: name no others with it")
    if order.output == PIPE and order.json:
        raise CommandError("--json and a cut-out on standard output exclude one another")
    if order.output == PIPE and order.also:
        raise CommandError("--also makes a second file: name a file or folder with -o")
    if order.output == PIPE and sys.stdout.isatty():
        raise CommandError("the cut-out goes to standard output: send it to a file or a program, or use -o")
    if order.output != PIPE and os.path.lexists(order.output):
        raise CommandError(f"{order.output}: it is there already, and nothing is overwritten")


def _format(order: Order) -> str | None:
    """Return the format of the file's name.

    Raises:
        CommandError: another one is requested.
    """
    told = _FORMATS.get(order.output.suffix.lower())
    if order.format and told and order.format != told:
        raise CommandError(f"--format {order.format} and the name {order.output.name} contradict one another")
    return order.format or told


@contextmanager
def _workplace(order: Order) -> Iterator[Path]:
    """Yield a hidden folder for the cut-out, which is moved out of it when complete."""
    beside = None if order.output == PIPE else order.output.parent
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=beside))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _from_pipe(place: Path) -> Path:
    if sys.stdin is None or sys.stdin.isatty():
        raise CommandError("standard input is no picture: send one, such as with < shoe.jpg")
    picture = place / "in" / "picture"
    picture.parent.mkdir()
    with picture.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return picture


def _to_pipe(made: list[Path]) -> None:
    if len(made) > 1:
        raise CommandError("the preset makes more than one file: name a file or folder with -o")
    sys.stdout.buffer.write(made[0].read_bytes())
    sys.stdout.buffer.flush()


def _put(made: list[Path], target: Path) -> None:
    """Give the cut-out its name; further files get the same one with their own suffixes."""
    first, *others = made
    names = [target, *(target.with_name(target.stem + each.name.removeprefix(first.stem)) for each in others)]
    for path, name in zip(made, names, strict=True):
        if not Disk().move(str(path), str(name)):
            raise CommandError(f"{name}: it is there already, and nothing is overwritten")
    Disk().sync_directory(str(target.parent))
