"""mattingd: drop a picture into a folder, its cut-out appears in a dated folder.

For embedding: `mattingd.cut_out(array)` returns a picture's cut-out, `mattingd.alpha_matte(array)` its matte
alone; both work in the calling process.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mattingd.inference.backend import Engine

__version__ = "0.1.0"
__all__ = ["__version__", "alpha_matte", "cut_out"]


def alpha_matte(picture: "npt.NDArray[np.uint8]", model: str = "cv-unet") -> "npt.NDArray[np.float32]":
    """Return the alpha matte of a picture, at its full size.

    Args:
        picture: uint8[H,W,3] sRGB, upright.
        model: which model; loaded at the first call and kept.

    Returns:
        float32[H,W] in [0,1]: 1 where the subject covers the pixel. All 0 where no subject was found.

    Raises:
        ValueError: not such an array.
        EngineError: the model cannot be used.
    """
    import numpy as np  # noqa: PLC0415 - `import mattingd` stays light

    return _matte(picture, model).astype(np.float32) / np.float32(255)


def cut_out(picture: "npt.NDArray[np.uint8]", model: str = "cv-unet") -> "npt.NDArray[np.uint8]":
    """Return a picture's cut-out, at its full size.

    Args:
        picture: uint8[H,W,3] sRGB, upright.
        model: which model; loaded at the first call and kept.

    Returns:
        uint8[H,W,4]: the subject's own colours with straight alpha. Fully transparent where no subject was
        found.

    Raises:
        ValueError: not such an array.
        EngineError: the model cannot be used.
    """
    import numpy as np  # noqa: PLC0415

    from mattingd.imaging.matting import foreground  # noqa: PLC0415

    alpha = _matte(picture, model)
    return np.dstack([foreground.estimate(picture, alpha), alpha])


def _matte(picture: "npt.NDArray[np.uint8]", model: str) -> "npt.NDArray[np.uint8]":
    import numpy as np  # noqa: PLC0415

    from mattingd.imaging.matting.second_pass import all_passes  # noqa: PLC0415

    if not (isinstance(picture, np.ndarray) and picture.dtype == np.uint8):
        raise ValueError("a picture must be a uint8 array")
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:  # noqa: PLR2004 - RGB
        raise ValueError(f"a picture must have the shape [H,W,3], not {list(picture.shape)}")
    engine = _engine(model)
    passes = all_passes(picture, engine.matte, engine.spec.net)
    return np.zeros(picture.shape[:2], np.uint8) if passes.is_empty else passes.matte()


@lru_cache(maxsize=1)
def _engine(model: str) -> "Engine":
    from mattingd.inference import model_store, registry  # noqa: PLC0415 - torch is loaded by whoever needs it
    from mattingd.inference.backend import EngineError  # noqa: PLC0415

    if model in registry.models():
        return registry.load(model)
    installed = {each.name: each.sha256 for each in model_store.adopted(None)}
    if model not in installed:
        raise EngineError(f"the model {model} is not installed: `mattingd models get {model}`")
    return registry.load(file=str(model_store.weights_file(None, installed[model])))
