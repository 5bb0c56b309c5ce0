"""Shell completion of option values; never an error, at worst nothing."""

from contextlib import suppress

import typer


def presets() -> list[str]:
    """Return the presets of the program."""
    from mattingd.domain.presets import BUILT_IN  # noqa: PLC0415 - the shell waits for us

    return list(BUILT_IN)


def formats() -> list[str]:
    """Return the formats of cut-outs."""
    from mattingd.domain.presets import EXTENSIONS  # noqa: PLC0415

    return list(EXTENSIONS)


def devices() -> list[str]:
    """Return the devices that a model can run on."""
    return ["auto", "cpu", "cuda", "cuda:0", "cuda:1"]


def model_names(ctx: typer.Context) -> list[str]:
    """Return the names of the models that the command can use."""
    from mattingd.cli.errors import find_config  # noqa: PLC0415
    from mattingd.config import load  # noqa: PLC0415
    from mattingd.inference.model_store import adopted  # noqa: PLC0415

    with suppress(Exception):
        settings = load(find_config(ctx.params.get("config")))
        return ["cv-unet", *(model.name for model in adopted(settings.state_dir))]
    return []


def catalogue_names() -> list[str]:
    """Return the models of the catalogue."""
    from mattingd.zoo.catalogue import published  # noqa: PLC0415

    return list(published())


def hot_folders(ctx: typer.Context) -> list[str]:
    """Return the names of the hot folders in the configuration that the command will use."""
    from mattingd.cli.errors import find_config  # noqa: PLC0415
    from mattingd.config import load  # noqa: PLC0415

    with suppress(Exception):
        return [folder.name for folder in load(find_config(ctx.params.get("config"))).hot_folders]
    return []
