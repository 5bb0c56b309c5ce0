"""The code in a remote Dask worker: a plug-in keeps the engine; tasks are bytes in and bytes out."""

from typing import Any

from distributed import WorkerPlugin, get_worker

from mattingd.remote.whole_picture import WholePictures

NAME = "mattingd"


class EnginePlugin(WorkerPlugin):
    """Keeps the loaded engine for the tasks, as long as the worker lives."""

    name = NAME

    def __init__(self, pictures: WholePictures) -> None:
        """Store the engine, which is warm and tested before the worker exists."""
        self.pictures = pictures

    def setup(self, worker: Any) -> None:
        """Do nothing: the worker is ready when it joins."""

    def teardown(self, worker: Any) -> None:
        """Keep the engine for the next time that the worker joins."""


def make(block: bytes) -> bytes:
    """Make the cut-out of one picture; see `WholePictures.make`."""
    return _plugin().pictures.make(block)


def facts() -> bytes:
    """Return the worker's facts; see `WholePictures.facts`."""
    return _plugin().pictures.facts()


def _plugin() -> EnginePlugin:
    plugin = get_worker().plugins.get(NAME)
    if not isinstance(plugin, EnginePlugin):
        raise TypeError("this worker was not started by `mattingd dask-worker`")
    return plugin
