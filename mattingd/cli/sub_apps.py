"""Verbs in groups, `mattingd service|presets|models VERB`: like `app`, only options and help texts."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.completion import model_names
from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json, Trimaps

service = typer.Typer(
    help="Print, install or remove the systemd service.", no_args_is_help=True, rich_markup_mode=None
)

Whose = Annotated[bool, typer.Option("--user/--system", help="A service of your own, or one of the machine.")]
RunAs = Annotated[str, typer.Option(metavar="NAME", help="The user that a service of the machine runs as.")]
Group = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The group of cut-outs. Default: the user's own.", show_default=False),
]
Root = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Put the files below this folder, as packagers do.", show_default=False
    ),
]


@service.command("print")
def service_print(
    config: Config = None,
    user: Whose = False,
    run_as: RunAs = "mattingd",
    group: Group = None,
    every: Annotated[
        bool, typer.Option("--all", help="All files, each with its place, not only the unit.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the unit for this configuration, every line explained."""
    from mattingd.cli.commands import service as service_command  # noqa: PLC0415

    order = service_command.Order(config, user, run_as, group, None)
    run_verb(lambda: service_command.show(order, every=every, as_json=json))


@service.command("install")
def service_install(
    config: Config = None,
    user: Whose = False,
    run_as: RunAs = "mattingd",
    group: Group = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it, too.")] = True,
    root: Root = None,
) -> None:
    """Install the service for this configuration and start it.

    Again, after a folder of the configuration was changed: what the service may write stands in the unit.
    """
    from mattingd.cli.commands import service as service_command  # noqa: PLC0415

    order = service_command.Order(config, user, run_as, group, root)
    run_verb(lambda: service_command.install(order, start=start))


@service.command("uninstall")
def service_uninstall(user: Whose = False, root: Root = None) -> None:
    """Stop the service and remove its files.

    Pictures, cut-outs, the journal and the service's user stay.
    """
    from mattingd.cli.commands import service as service_command  # noqa: PLC0415

    run_verb(lambda: service_command.uninstall(service_command.Order(None, user, "mattingd", None, root)))


presets = typer.Typer(
    help="What presets there are, and how they look on a picture.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@presets.command("list")
def list_presets(config: Config = None, json: Json = False) -> None:
    """Name every preset, and what it is for."""
    from mattingd.cli.commands import presets as presets_command  # noqa: PLC0415

    run_verb(lambda: presets_command.list_presets(config, as_json=json))


@presets.command("show")
def show_preset(
    preset: Annotated[str, typer.Argument(metavar="PRESET", hidden=True)],
    config: Config = None,
    json: Json = False,
) -> None:
    """Print the settings of a preset; what it leaves alone is dimmed."""
    from mattingd.cli.commands import presets as presets_command  # noqa: PLC0415

    run_verb(lambda: presets_command.show(preset, config, as_json=json))


@presets.command("try")
def try_preset(
    preset: Annotated[str, typer.Argument(metavar="PRESET", hidden=True)],
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", hidden=True)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The sheet, a PNG.")] = Path(
        "presets.png"
    ),
    config: Config = None,
) -> None:
    """Show a picture cut out with a preset, and with small changes of it."""
    from mattingd.cli.commands import presets as presets_command  # noqa: PLC0415

    run_verb(lambda: presets_command.try_out(preset, picture, output, config))


models = typer.Typer(
    help="Which weights make the mattes: list, verify, exchange them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Wanted = Annotated[
    list[str] | None,
    typer.Argument(metavar="MODEL", show_default=False, hidden=True, autocompletion=model_names),
]


@models.command("list")
def models_list(config: Config = None, json: Json = False) -> None:
    """Say which models there are, and which one is in use."""
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.show(config, as_json=json))


@models.command("verify")
def models_verify(model: Wanted = None, config: Config = None, json: Json = False) -> None:
    """Test models: the file by its hash, the matte of a known picture.

    MODEL is a model's name or the beginning of its hash; all of them unless named.
    """
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.verify(config, model or [], as_json=json))


@models.command("reload")
def models_reload(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", show_default=False, hidden=True, autocompletion=model_names),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Use another model from now on, without a stop.

    MODEL is a file of weights (with its description in a .json file beside it), a model's name, or the
    beginning of its hash; the model in use, in a new process, unless named. It comes up and is tested
    beside the one in use, which finishes its batch. A model that fails is refused, and nothing changes.
    """
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.reload(config, model, as_json=json))


@models.command("rollback")
def models_rollback(config: Config = None, json: Json = False) -> None:
    """Go back to the model that was in use before."""
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.rollback(config, as_json=json))


@models.command("compare")
def models_compare(
    first: Annotated[str, typer.Argument(metavar="FIRST", show_default=False, hidden=True)],
    second: Annotated[str, typer.Argument(metavar="SECOND", show_default=False, hidden=True)],
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Pictures with masks.", show_default=False)],
    trimaps: Trimaps = None,
    json: Json = False,
) -> None:
    """Measure two models on the same pictures.

    FIRST and SECOND are models' names or files of weights. FOLDER is laid out as for evaluate.
    """
    from mattingd.cli.commands import evaluate  # noqa: PLC0415

    contest = evaluate.Contest(first, second, data, tuple(trimaps or ()), json)
    run_verb(lambda: evaluate.compare(contest))
