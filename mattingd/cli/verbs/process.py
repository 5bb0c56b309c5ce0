"""`mattingd process`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.completion import devices, formats, presets
from mattingd.cli.errors import run_verb
from mattingd.cli.options import Json

Sources = Annotated[list[Path], typer.Argument(metavar="PATHS", show_default=False, hidden=True)]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Folder for cut-outs; for one picture also a file or -."
    ),
]
Preset = Annotated[
    str,
    typer.Option("--preset", "-p", metavar="NAME", autocompletion=presets, help="Preset for the cut-outs."),
]
Background = Annotated[
    str | None, typer.Option(metavar="COLOUR|FILE", help="Behind the subject: #rrggbb or a picture file.")
]
FileFormat = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", autocompletion=formats, help="png, webp, tiff, jpeg, avif or jxl."
    ),
]
Quality = Annotated[int | None, typer.Option(metavar="NUMBER", help="1 to 100, for formats that have it.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        show_default=False,
        help="Any other setting of the preset: --set canvas=1:1 --set shadow=0.4",
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        autocompletion=presets,
        show_default=False,
        help="Also make the output of this preset: shoe.png and, with `--also marketplace`,"
        " shoe_marketplace.jpg.",
    ),
]
Device = Annotated[
    str, typer.Option(metavar="NAME", autocompletion=devices, help="auto, cpu, cuda or cuda:N.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="NUMBER", help="Picture workers. Default: one per core.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")]


def process(  # noqa: PLR0913, PLR0917 - one argument an option, as typer wants it
    paths: Sources,
    output: Output = None,
    preset: Preset = "transparent",
    background: Background = None,
    file_format: FileFormat = None,
    quality: Quality = None,
    settings: Settings = None,
    also: Also = None,
    device: Device = "auto",
    workers: Workers = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Cut out pictures once, without a daemon.

    PATHS are pictures, or folders of pictures with all their sub-folders. The same command continues after an
    interruption and retries what failed. Nothing is ever overwritten.

    process shoe.jpg -o cut.png writes only that file. The picture - is standard input; its cut-out goes to
    standard output unless -o names a file.
    """
    from mattingd.cli.commands import process as process_command  # noqa: PLC0415
    from mattingd.cli.commands.processing import one  # noqa: PLC0415

    order = process_command.Order(
        tuple(paths), one.target_of(paths, output), preset, background, file_format, quality,
        tuple(settings or ()), tuple(also or ()), device, workers, quiet, json,
    )  # fmt: skip
    run_verb(lambda: (one if one.is_one(order) else process_command).process(order))
