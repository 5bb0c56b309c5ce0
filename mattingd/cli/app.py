"""All verbs with their options and help texts. What they do stands in the modules beside this one."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd import __version__
from mattingd.cli.ending import run_verb

app = typer.Typer(
    name="mattingd",
    help="Drop pictures into a folder; their cut-outs appear in dated folders.",
    epilog="First steps: mattingd init, mattingd check, mattingd run. Or once: mattingd process PICTURES -o OUT",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="MATTINGD_CONFIG",
        help="The configuration file. Default: ./config.yaml, ~/.config/mattingd/config.yaml,"
        " /etc/mattingd/config.yaml, the first there is.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


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
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("config.yaml"),
    hot_folder: Annotated[Path, typer.Option(help="The folder to drop pictures into.")] = Path("in"),
    output_dir: Annotated[Path, typer.Option(help="Where cut-outs appear.")] = Path("out"),
    state_dir: Annotated[Path, typer.Option(help="Journal, lock and socket; on a local disk.")] = Path(
        "state"
    ),
) -> None:
    """Write a first configuration file, and make its folders."""
    from mattingd.cli import setting_up  # noqa: PLC0415

    run_verb(lambda: setting_up.init(path, hot_folder, output_dir, state_dir))


@app.command()
def check(config: Config = None, json: Json = False) -> None:
    """Check the configuration and the folders it names; say what lies there and what would be done."""
    from mattingd.cli import setting_up  # noqa: PLC0415

    run_verb(lambda: setting_up.check(config, as_json=json))


@app.command()
def run(config: Config = None) -> None:
    """Watch the hot folders and work, until stopped (Ctrl-C or SIGTERM; twice for at once)."""
    from mattingd.cli import running  # noqa: PLC0415

    run_verb(lambda: running.run(config))


@app.command()
def process(
    paths: Annotated[
        list[Path], typer.Argument(help="Pictures, or folders of pictures.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where cut-outs go.", show_default=False)],
    preset: Annotated[str, typer.Option("--preset", "-p", help="How cut-outs are finished.")] = "transparent",
    background: Annotated[str | None, typer.Option(help="#rrggbb behind the subject.")] = None,
    file_format: Annotated[str | None, typer.Option("--format", help="png, webp, tiff or jpeg.")] = None,
    quality: Annotated[int | None, typer.Option(help="1 to 100, for jpeg and webp.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Picture workers. Default: one per core.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")] = False,
    json: Json = False,
) -> None:
    """Cut out pictures once, without a daemon. The same command again goes on where it stopped."""
    from mattingd.cli import processing  # noqa: PLC0415

    order = processing.Order(
        tuple(paths), output, preset, background, file_format, quality, device, workers, quiet, json
    )
    run_verb(lambda: processing.process(order))


@app.command()
def status(
    file: Annotated[Path | None, typer.Argument(help="What became of this picture?")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """What the daemon is doing; or, with a FILE, where that picture is on its way."""
    from mattingd.cli import asking  # noqa: PLC0415

    run_verb(lambda: asking.status(config, file, as_json=json))


@app.command()
def audit(
    config: Config = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also compare every output's content.")] = False,
    json: Json = False,
) -> None:
    """Prove that every dropped file is accounted for; name every gap."""
    from mattingd.cli import asking  # noqa: PLC0415

    run_verb(lambda: asking.audit(config, deep=deep, as_json=json))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to play; made anew.")] = Path("mattingd-demo"),
) -> None:
    """Start a daemon on a fresh hot folder, drop photographs into it, show what comes out."""
    from mattingd.cli import demonstrating  # noqa: PLC0415

    run_verb(lambda: demonstrating.demo(folder))


def main() -> None:
    """The program `mattingd`."""
    app()
