"""Verbs in groups, `mattingd service|presets|models VERB`: like `app`, only options and help texts."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.completion import catalogue_names, model_names
from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json, Trimaps

service = typer.Typer(
    help="Print, install or remove the systemd service.", no_args_is_help=True, rich_markup_mode=None
)

Whose = Annotated[bool, typer.Option("--user/--system", help="A service of your user, or of the machine.")]
RunAs = Annotated[str, typer.Option(metavar="NAME", help="User of a service of the machine.")]
Group = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Group of the cut-outs. Default: the user's.", show_default=False),
]
Root = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Write the files below this folder, for packagers.", show_default=False
    ),
]


@service.command("print")
def service_print(
    config: Config = None,
    user: Whose = False,
    run_as: RunAs = "mattingd",
    group: Group = None,
    every: Annotated[
        bool, typer.Option("--all", help="All files with their paths, not only the unit.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the unit for this configuration, with every line explained."""
    from mattingd.cli.commands import service as service_command  # noqa: PLC0415

    order = service_command.Order(config, user, run_as, group, None)
    run_verb(lambda: service_command.show(order, every=every, as_json=json))


@service.command("install")
def service_install(
    config: Config = None,
    user: Whose = False,
    run_as: RunAs = "mattingd",
    group: Group = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Also start it.")] = True,
    root: Root = None,
) -> None:
    """Install the service for this configuration and start it.

    Run it again after a change of folders: the unit lists what the service may write.
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
    help="List presets, and show how they look on a picture.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@presets.command("list")
def list_presets(config: Config = None, json: Json = False) -> None:
    """List every preset and its purpose."""
    from mattingd.cli.commands import presets as presets_command  # noqa: PLC0415

    run_verb(lambda: presets_command.list_presets(config, as_json=json))


@presets.command("show")
def show_preset(
    preset: Annotated[str, typer.Argument(metavar="PRESET", hidden=True)],
    config: Config = None,
    json: Json = False,
) -> None:
    """Print the settings of a preset; defaults are dimmed."""
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
    """Show a picture cut out with a preset and with small changes to it."""
    from mattingd.cli.commands import presets as presets_command  # noqa: PLC0415

    run_verb(lambda: presets_command.try_out(preset, picture, output, config))


models = typer.Typer(
    help="List, fetch, verify and change the models that make the mattes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Wanted = Annotated[
    list[str] | None,
    typer.Argument(metavar="MODEL", show_default=False, hidden=True, autocompletion=model_names),
]


Named = Annotated[
    str, typer.Argument(metavar="MODEL", show_default=False, hidden=True, autocompletion=catalogue_names)
]


@models.command("list")
def models_list(
    config: Config = None,
    every: Annotated[bool, typer.Option("--all", help="Also list models that can be fetched.")] = False,
    json: Json = False,
) -> None:
    """List the models, and which one is in use."""
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415
    from mattingd.cli.zoo import show  # noqa: PLC0415

    command = show.list_all if every else models_command.show
    run_verb(lambda: command(config, as_json=json))


@models.command("show")
def models_show(model: Named, config: Config = None, json: Json = False) -> None:
    """Show a model's contract, files and licences."""
    from mattingd.cli.zoo import show  # noqa: PLC0415

    run_verb(lambda: show.show(config, model, as_json=json))


@models.command("get")
def models_get(
    model: Named,
    variant: Annotated[
        str, typer.Option(metavar="NAME", help="author, or rembg for exactly rembg's results.")
    ] = "author",
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE|URL", help="Read the file from here instead.", show_default=False
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of a copy of the publishers' files.", show_default=False),
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licence and agree.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Fetch a model of the catalogue, verify it and try it.

    A transfer that broke off goes on where it was. The file gets its name when its size and hash are those
    that the publisher pins. Proxies are those of the environment (HTTPS_PROXY).
    """
    from mattingd.cli.zoo import get  # noqa: PLC0415

    order = get.Order(model, variant, source, mirror, accept_licence, json)
    run_verb(lambda: get.get(config, order))


@models.command("add")
def models_add(
    file: Annotated[Path, typer.Argument(metavar="FILE", hidden=True)],
    like: Annotated[str, typer.Option(metavar="MODEL", help="The known model.", show_default=False)],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: the name of the file.", show_default=False)
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Add your own ONNX file with the contract of a known model."""
    from mattingd.cli.zoo import get  # noqa: PLC0415

    run_verb(lambda: get.add(config, file, like, name, as_json=json))


@models.command("remove")
def models_remove(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", show_default=False, hidden=True, autocompletion=model_names)
    ],
    config: Config = None,
) -> None:
    """Remove an installed model that is not in use."""
    from mattingd.cli.zoo import get  # noqa: PLC0415

    run_verb(lambda: get.remove(config, model))


@models.command("verify")
def models_verify(model: Wanted = None, config: Config = None, json: Json = False) -> None:
    """Test models: the file by its hash, the matte of a known picture.

    MODEL is a model's name or the beginning of its hash. Default: all.
    """
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.verify(config, model or [], as_json=json))


@models.command("use")
def models_use(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", show_default=False, hidden=True, autocompletion=model_names)
    ],
    config: Config = None,
    json: Json = False,
) -> None:
    """Use an installed model from now on, and write it down.

    It is written into the configuration. A running daemon takes it without a stop, as with reload.
    """
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.use(config, model, as_json=json))


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
    beginning of its hash. Default: the model in use, in a new process. The new model is loaded and tested
    while the old one finishes its batch. A model that fails is refused, and nothing changes.
    """
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.reload(config, model, as_json=json))


@models.command("rollback")
def models_rollback(config: Config = None, json: Json = False) -> None:
    """Return to the previous model."""
    from mattingd.cli.commands import models as models_command  # noqa: PLC0415

    run_verb(lambda: models_command.rollback(config, as_json=json))


@models.command("export")
def models_export(
    model: Annotated[str, typer.Argument(metavar="MODEL", hidden=True)] = "cv-unet",
    target: Annotated[str, typer.Option("--to", metavar="FORMAT", help="onnx.")] = "onnx",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")] = Path("cv-unet.onnx"),
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="In 8 bits, calibrated on these pictures.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Write the program's own model as an ONNX file.

    It takes any number of pictures of any shape whose sides are multiples of 32.
    """
    from mattingd.cli.zoo import export  # noqa: PLC0415

    if target != "onnx":
        raise typer.BadParameter("only onnx can be written", param_hint="--to")
    run_verb(lambda: export.export(export.Order(model, output, calibrate, json)))


@models.command("compare")
def models_compare(
    first: Annotated[str, typer.Argument(metavar="FIRST", show_default=False, hidden=True)],
    second: Annotated[str, typer.Argument(metavar="SECOND", show_default=False, hidden=True)],
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Pictures with masks.", show_default=False)],
    trimaps: Trimaps = None,
    json: Json = False,
) -> None:
    """Measure two models on the same pictures.

    FIRST and SECOND are names of models or files of weights. FOLDER is as for evaluate.
    """
    from mattingd.cli.commands import evaluate  # noqa: PLC0415

    contest = evaluate.Contest(first, second, data, tuple(trimaps or ()), json)
    run_verb(lambda: evaluate.compare(contest))


web = typer.Typer(help="Set up the page and the API.", invoke_without_command=True, rich_markup_mode=None)


@web.callback()
def web_serve(
    context: typer.Context,
    config: Config = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Offer the page and the API by themselves.

    A running daemon does so itself when the configuration has `web: listen:`.
    """
    if context.invoked_subcommand is None:
        from mattingd.cli.commands import web as web_command  # noqa: PLC0415

        run_verb(lambda: web_command.serve(config, parent))


@web.command("password")
def web_password(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where its hash is written.")],
) -> None:
    """Set the team's password: asked for, or read from standard input."""
    from mattingd.cli.commands import web as web_command  # noqa: PLC0415

    run_verb(lambda: web_command.password(file))


share = typer.Typer(
    help="Offer the folders to Windows and Macs by Samba.", no_args_is_help=True, rich_markup_mode=None
)


@share.command("print")
def share_print(
    config: Config = None,
    group: Annotated[
        str, typer.Option(metavar="NAME", help="The group of everybody who drops pictures.")
    ] = "mattingd",
    json: Json = False,
) -> None:
    """Print the part of smb.conf that offers the folders."""
    from mattingd.cli import share as share_command  # noqa: PLC0415

    run_verb(lambda: share_command.show(config, group, as_json=json))


@share.command("test")
def share_test(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="Name or address.")] = "127.0.0.1",
    config: Config = None,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Log in as NAME (asks for the password) or NAME%PASSWORD. Default: a guest."
        ),
    ] = None,
    folder: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Where to drop. Default: the first hot folder.")
    ] = None,
    port: Annotated[int, typer.Option(help="Of the server.")] = 445,
    seconds: Annotated[float, typer.Option(help="How long to wait for the cut-out.")] = 120.0,
) -> None:
    """Drop a picture as a client does, fetch its cut-out, and remove both.

    Needs smbclient, and a running daemon.
    """
    from mattingd.cli import share as share_command  # noqa: PLC0415

    run_verb(lambda: share_command.try_out(config, share_command.Trial(server, user, port, seconds, folder)))
