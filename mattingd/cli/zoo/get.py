"""`mattingd models get|add|remove`: install and remove published models."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from mattingd.cli.errors import CommandError
from mattingd.cli.format import console_for, weight
from mattingd.cli.zoo.place import Place, now, place
from mattingd.config import Settings
from mattingd.domain.exit_codes import ExitCode
from mattingd.inference.model_store import Adopted, discard, weights_file
from mattingd.inference.registry import DEFAULT
from mattingd.zoo.catalogue import PLAIN

NEEDS = "this needs what the extra brings: pip install 'mattingd[onnx]', or 'mattingd[onnx-gpu]' for a GPU"


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    name: str
    variant: str = PLAIN
    source: str | None = None
    mirror: str | None = None
    accept_licence: bool = False
    json: bool = False


def get(config: Path | None, order: Order) -> ExitCode:
    """Fetch a model of the catalogue, verify it and try it.

    Raises:
        CommandError: it cannot be fetched, or is unusable.
    """
    where = place(config)
    entry = where.entry(order.name)
    if not all(map(find_spec, ("onnx", "onnxruntime"))):  # confirm before anything is fetched
        raise CommandError(NEEDS)
    from mattingd.zoo import install  # noqa: PLC0415 - loads a client for HTTP

    wish = install.Wish(entry, order.variant, order.source, order.mirror, order.accept_licence)
    console = console_for(error=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(entry.id, total=None)
        try:
            model = install.get(
                wish,
                where.folder,
                now(where),
                progress=lambda done, total: shown.update(task, completed=done, total=total),
            )
        except install.InstallError as error:
            raise CommandError(str(error), code=ExitCode.FAILED) from error
    return _told(where, model, as_json=order.json)


def add(config: Path | None, file: Path, like: str, name: str | None, *, as_json: bool) -> ExitCode:
    """Add the user's own network with the contract of a known one.

    Raises:
        CommandError: it is unusable.
    """
    where, asked = place(config), name or file.stem
    if asked == DEFAULT:
        raise CommandError(f"{asked} is the name of the program's own model: choose another one with --name")
    try:
        from mattingd.zoo import install  # noqa: PLC0415 - of an extra

        known = set(where.installed)
        model = install.add(file, asked, where.entry(like), where.folder, now(where))
    except ImportError as error:
        raise CommandError(NEEDS) from error
    except install.InstallError as error:
        raise CommandError(str(error), code=ExitCode.FAILED) from error
    if model.name in known and not as_json:
        print(f"{file} is installed already, as {model.name}; to take it in otherwise, remove that first")  # noqa: T201
        return ExitCode.OK
    return _told(where, model, as_json=as_json)


def _told(where: Place, model: Adopted, *, as_json: bool) -> ExitCode:
    if as_json:
        file = str(weights_file(where.state_dir, model.sha256))
        print(json.dumps({"model": model.name, "sha256": model.sha256, "size": model.size, "file": file}))  # noqa: T201
    else:
        print(f"{model.name} ({model.sha256[:12]}, {weight(model.size)}) is installed and verified")  # noqa: T201
    return ExitCode.OK


def remove(config: Path | None, name: str) -> ExitCode:
    """Remove an installed model that nothing uses.

    Raises:
        CommandError: it does not exist, or is in use.
    """
    where = place(config)
    model = where.model(name)
    if where.settings is not None:
        from mattingd.cli.commands.models import models_of  # noqa: PLC0415

        if model.sha256 == models_of(where.settings).current or name == where.settings.engine.model:
            raise CommandError(f"{name} is in use: `mattingd models use` another one first")
        if users := _named_by(where.settings, name):
            raise CommandError(f"{name} is the `model:` of {', '.join(users)}: change that first")
    discard(where.state_dir, model.sha256)
    print(f"{name} ({model.sha256[:12]}) is removed")  # noqa: T201
    return ExitCode.OK


def _named_by(settings: Settings, name: str) -> list[str]:
    """Hot folders and presets that name a model."""
    folders = [
        str(hot.path) for hot in settings.hot_folders if any(each.model == name for each in hot.recipes)
    ]
    return folders + [f"the preset {key}" for key, preset in settings.presets.items() if preset.model == name]
