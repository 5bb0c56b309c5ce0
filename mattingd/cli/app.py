"""All verbs with their options and help texts. What they do stands in the modules beside this one."""

import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mattingd import __version__
from mattingd.cli import sub_apps
from mattingd.cli.completion import devices, formats, hot_folders, presets
from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json, Trimaps
from mattingd.cli.utf8 import start_again_unless_names_are_safe

STDERR = 2
"""The last of the standard streams' numbers."""

app = typer.Typer(
    name="mattingd",
    help="Drop pictures into a folder; their cut-outs appear in dated folders.",
    epilog="First steps: init, check, run. Without a daemon: process PICTURES -o OUT.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"mattingd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", hidden=True)] = Path("config.yaml"),
    hot_folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The folder to drop pictures into.")
    ] = Path("in"),
    output_dir: Annotated[Path, typer.Option(metavar="FOLDER", help="Where cut-outs appear.")] = Path("out"),
    state_dir: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Journal, lock and socket; on a local disk.")
    ] = Path("state"),
) -> None:
    """Write a first configuration file, and make its folders.

    FILE is config.yaml unless named. Relative folders go from where it lies.
    """
    from mattingd.cli import setting_up  # noqa: PLC0415

    run_verb(lambda: setting_up.init(path, hot_folder, output_dir, state_dir))


@app.command()
def check(config: Config = None, json: Json = False) -> None:
    """Check the configuration, and say what lies in its hot folders."""
    from mattingd.cli import setting_up  # noqa: PLC0415

    run_verb(lambda: setting_up.check(config, as_json=json))


@app.command()
def run(config: Config = None) -> None:
    """Watch the hot folders and work, until stopped.

    Ctrl-C or SIGTERM ends it when the pictures in work are done; a second one ends it at once.
    """
    from mattingd.cli.commands import run as run_command  # noqa: PLC0415

    run_verb(lambda: run_command.run(config))


@app.command()
def process(  # noqa: PLR0913, PLR0917 - one argument an option, as typer wants it
    paths: Annotated[list[Path], typer.Argument(metavar="PATHS", show_default=False, hidden=True)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where cut-outs go; of one picture, also a file or -."
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset", "-p", metavar="NAME", autocompletion=presets, help="How cut-outs are finished."
        ),
    ] = "transparent",
    background: Annotated[
        str | None, typer.Option(metavar="GROUND", help="#rrggbb, or a picture file, behind the subject.")
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", autocompletion=formats, help="png, webp, tiff, jpeg, avif or jxl."
        ),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="1 to 100, where a format has it.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            show_default=False,
            help="Any other setting of the preset: --set canvas=1:1 --set shadow=0.4",
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=presets,
            show_default=False,
            help="Make this preset's output, too: shoe.png and, with `--also marketplace`,"
            " shoe_marketplace.jpg.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=devices, help="auto, cpu, cuda or cuda:N.")
    ] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="Picture workers. Default: one a core.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")] = False,
    json: Json = False,
) -> None:
    """Cut out pictures once, without a daemon.

    PATHS are pictures, or folders of pictures with all their sub-folders. The same command again goes on
    where it stopped, and tries once more what failed. Nothing is ever overwritten.

    process shoe.jpg -o cut.png writes just that file. The picture - is standard input, and its cut-out goes
    to standard output unless -o says more.
    """
    from mattingd.cli.commands import process as process_command  # noqa: PLC0415
    from mattingd.cli.commands import process_one  # noqa: PLC0415

    order = process_command.Order(
        tuple(paths), process_one.target_of(paths, output), preset, background, file_format, quality,
        tuple(settings or ()), tuple(also or ()), device, workers, quiet, json,
    )  # fmt: skip
    run_verb(lambda: (process_one if process_one.is_one(order) else process_command).process(order))


@app.command()
def status(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", hidden=True)] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what the daemon is doing, or where one picture is.

    FILE is a picture in a hot folder: waiting (why, until when), queued (its place), in work, done (where
    its cut-out lies) or failed (why).
    """
    from mattingd.cli.commands import status as status_command  # noqa: PLC0415

    run_verb(lambda: status_command.status(config, file, as_json=json))


@app.command()
def history(
    config: Config = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what ended since: 30m, 2h, 7d, today, 2026-11-20."),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", autocompletion=hot_folders, help="Only of this hot folder, by its name or path."
        ),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, and why.")] = False,
    ignored: Annotated[bool, typer.Option("--ignored", help="Only what was no picture, and why.")] = False,
    look: Annotated[
        bool, typer.Option("--needs-look", help="Only cut-outs the model was not sure of.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, the newest.")] = 20,
    json: Json = False,
) -> None:
    """Tell what was done when, and where it lies; the newest last."""
    from mattingd.cli.commands import history as history_command  # noqa: PLC0415

    only = [state for state, wanted in (("failed", failed), ("ignored", ignored), ("done", look)) if wanted]
    run_verb(
        lambda: history_command.history(
            config, since=since, folder=folder, only=only, look=look, limit=limit, as_json=json
        )
    )


@app.command()
def audit(
    config: Config = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also compare every cut-out's content.")] = False,
    json: Json = False,
) -> None:
    """Prove that every dropped file is accounted for; name every gap."""
    from mattingd.cli.commands import audit as audit_command  # noqa: PLC0415

    run_verb(lambda: audit_command.audit(config, deep=deep, as_json=json))


Pictures = Annotated[list[str] | None, typer.Argument(metavar="PICTURES", show_default=False, hidden=True)]
Folders = Annotated[
    list[str] | None,
    typer.Argument(metavar="FOLDERS", autocompletion=hot_folders, show_default=False, hidden=True),
]


@app.command()
def retry(
    pictures: Pictures = None,
    done_too: Annotated[
        bool, typer.Option("--all", help="Of folders and patterns, not only what failed.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Try pictures again: what failed, or any picture by its name.

    PICTURES are files in hot folders, whatever became of them: what waits is tried now, what has a cut-out
    gets its next version. Or folders and quoted patterns ('in/shoes/*.jpg'): of those, what failed. Without
    any, all that failed.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.retry(config, pictures or (), done_too=done_too, as_json=json))


@app.command()
def forget(
    pictures: Annotated[list[str], typer.Argument(metavar="PICTURES", show_default=False, hidden=True)],
    config: Config = None,
    json: Json = False,
) -> None:
    """Forget pictures that have come to their end: they count as new.

    PICTURES are files in hot folders, folders or quoted patterns. Their cut-outs stay and are yours from now
    on: no cleaning removes them. What still lies in a hot folder is done anew, under its plain name if that
    is free.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.forget(config, pictures, as_json=json))


@app.command()
def rescan(folders: Folders = None, config: Config = None, json: Json = False) -> None:
    """Have hot folders looked through at once.

    FOLDERS are hot folders by name or path; all of them unless named.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.rescan(config, folders or (), as_json=json))


@app.command()
def pause(folders: Folders = None, config: Config = None, json: Json = False) -> None:
    """Hold hot folders back: pictures are taken, and none is begun.

    FOLDERS are hot folders by name or path; all of them unless named. What is in work is finished. It is
    kept over restarts, until `mattingd resume`.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.pause(config, folders or (), paused=True, as_json=json))


@app.command()
def resume(folders: Folders = None, config: Config = None, json: Json = False) -> None:
    """Let paused hot folders go on.

    FOLDERS are hot folders by name or path; all of them unless named.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.pause(config, folders or (), paused=False, as_json=json))


@app.command()
def reload(config: Config = None, json: Json = False) -> None:
    """Have the daemon read its configuration anew; say what changes.

    Later files get the new settings; pictures that are taken already keep theirs. Mistakes are told, and
    the settings in use stay. SIGHUP does the same.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.reload(config, as_json=json))


@app.command()
def clean(
    config: Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed, and why.")
    ] = False,
    yes_all: Annotated[
        bool, typer.Option("--yes-all", help="Remove all that is due, however much that is.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove cut-outs whose time is over, as the daemon does.

    How long they are kept stands in the configuration, under retention. Only what the journal says was made
    here, and nobody changed since, is ever removed.
    """
    from mattingd.cli.commands import clean as clean_command  # noqa: PLC0415

    run_verb(lambda: clean_command.clean(config, dry_run=dry_run, yes_all=yes_all, as_json=json))


@app.command()
def doctor(
    config: Config = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not load and test the model.")] = False,
    json: Json = False,
) -> None:
    """Examine the set-up; explain each finding, with its remedy.

    Tried out with real files and the real model; nothing is changed. As root, folders are tried out as the
    user whom the state directory belongs to. Ends with 0 when all is sound, 1 when something could be
    better, 3 when pictures will not be done.
    """
    from mattingd.cli.commands import doctor as doctor_command  # noqa: PLC0415

    run_verb(lambda: doctor_command.doctor(config, quick=quick, as_json=json))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", hidden=True)] = Path("mattingd-demo"),
) -> None:
    """Cut out three photographs through a daemon, visibly.

    FOLDER, mattingd-demo unless named, is where that happens; an earlier demo there is replaced.
    """
    from mattingd.cli.commands import demo as demo_command  # noqa: PLC0415

    run_verb(lambda: demo_command.demo(folder))


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, hidden=True)],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="A model's name, or a file of weights.")
    ] = "cv-unet",
    trimaps: Trimaps = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Also show the worst, as a PNG.")] = None,
    json: Json = False,
) -> None:
    """Measure the model on pictures with known mattes.

    FOLDER holds pictures, each with its mask or matte beside it: shoe.png or shoe.mask.png for shoe.jpg.
    Every sub-folder is a set of its own.
    """
    from mattingd.cli.commands import evaluate as evaluate_command  # noqa: PLC0415

    question = evaluate_command.Question(folder, model, tuple(trimaps or ()), sheet, json)
    run_verb(lambda: evaluate_command.evaluate(question))


@app.command()
def train(
    data: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Your cut-outs, or pictures with masks.", show_default=False),
    ],
    start: Annotated[
        str, typer.Option("--from", metavar="MODEL", help="shipped, or a file of weights.")
    ] = "shipped",
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the new weights go.")] = Path("tuned"),
    minutes: Annotated[
        float, typer.Option(min=0.1, metavar="NUMBER", help="Train no longer than this.")
    ] = 30.0,
    steps: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="Train no more steps than this.")] = 400,
    side: Annotated[list[int] | None, typer.Option(hidden=True)] = None,
    pixels: Annotated[int | None, typer.Option(hidden=True)] = None,
    json: Json = False,
) -> None:
    """Train the model further on your own pictures.

    A quarter of them is held out. The new weights are offered only if they are better there, and not worse
    on a fixed set of other pictures.
    """
    from mattingd.cli.commands import train as train_command  # noqa: PLC0415

    order = train_command.Order(data, start, out, minutes, steps, tuple(side or ()), pixels, json)
    run_verb(lambda: train_command.train(order))


@app.command()
def man() -> None:
    """Show the manual page.

    Where the output is no terminal, it is printed as man wants it. To install it:
    mattingd man > /usr/local/share/man/man1/mattingd.1
    """
    from mattingd.cli.commands import man as man_command  # noqa: PLC0415

    run_verb(man_command.show)


for _name, _group in (
    ("service", sub_apps.service),
    ("presets", sub_apps.presets),
    ("models", sub_apps.models),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """The program `mattingd`."""
    start_again_unless_names_are_safe()
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        _cope_with_any_name(stream)
    app(prog_name="mattingd")


def _open_what_is_closed() -> None:
    """Whoever starts us may have closed our standard streams: no file of ours may get their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - for our children as well
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for ever
    sys.stderr = sys.stderr or open(STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _cope_with_any_name(stream: TextIO) -> None:
    """Names of files are bytes: what is no text is printed escaped instead of ending the program."""
    getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
