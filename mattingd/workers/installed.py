"""Check whether the models and packages that a configuration needs are installed."""

from collections.abc import Iterator
from importlib.util import find_spec

from mattingd.config import Settings
from mattingd.inference.model_store import adopted
from mattingd.inference.registry import DEFAULT


def missing_models(settings: Settings) -> tuple[str, ...]:
    """Return a line for each setting whose model or package is not installed."""
    return tuple(_missing(settings))


def _missing(settings: Settings) -> Iterator[str]:
    if settings.workers.dask.scheduler is not None and find_spec("distributed") is None:
        yield "workers.dask: needs packages that are not installed: pip install 'mattingd[dask]'"
    names = {DEFAULT, *(model.name for model in adopted(settings.state_dir))}
    wanted = {f"hot_folders[{i}].model": each.recipe.model for i, each in enumerate(settings.hot_folders)}
    for where, name in {"engine.model": settings.engine.model, **wanted}.items():
        if name is not None and name not in names:
            yield (
                f"{where}: the model {name} is not installed: `mattingd models get {name}`, or"
                f" `mattingd models add FILE --like MODEL --name {name}`"
            )


def configured_model(settings: Settings) -> str | None:
    """Return the model of `engine.model`, as in `Models`.

    None where that leaves the choice to `mattingd models`.
    """
    if settings.engine.model == DEFAULT:
        return None
    known = {model.name: model.sha256 for model in adopted(settings.state_dir)}
    return known.get(settings.engine.model)
