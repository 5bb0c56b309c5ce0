"""Read and keep the background pictures that presets name."""

from mattingd.domain.jobs import Fault
from mattingd.domain.presets import Pin, Preset
from mattingd.domain.reasons import Reason
from mattingd.imaging.finishing.background import Backdrop, Backdrops
from mattingd.workers.trouble import Trouble


class BackgroundPictures:
    """The background pictures of one worker."""

    def __init__(self) -> None:
        self.state_dir = ""
        """Where the daemon keeps a copy of each."""
        self._decoded = Backdrops()

    def of(self, preset: Preset) -> Backdrop | None:
        """Return the background picture, if there is one: exactly the file that the settings refer to.

        Raises:
            Trouble: its copy in the state directory cannot be read.
            PictureError: it cannot be used as a background.
        """
        pin = Pin.of(preset.background)
        if pin is None or preset.content == "matte":
            return None
        from mattingd.config import backgrounds  # noqa: PLC0415 - half of a worker's start, and seldom needed

        try:
            return self._decoded.of(pin.sha256, lambda: backgrounds.read_copy(self.state_dir, pin))
        except OSError as error:
            copy = backgrounds.copy_of(self.state_dir, pin)
            told = {"path": pin.path, "copy": str(copy), "error": error.strerror or ""}
            raise Trouble(Fault.BUSY, Reason.of("background_missing", **told)) from error
