"""`mattingd models export`: export the bundled network as an ONNX file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mattingd.cli.errors import CommandError
from mattingd.cli.format import weight
from mattingd.cli.zoo.get import NEEDS
from mattingd.domain.exit_codes import ExitCode
from mattingd.system.filesystem import put

if TYPE_CHECKING:
    from mattingd.inference.backend import Pictures

CALIBRATION = 32
"""Pictures that 8 bits are calibrated on, at most."""


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    model: str
    output: Path
    calibrate: Path | None
    json: bool


def export(order: Order) -> ExitCode:
    """Write the network, and its description beside it.

    Raises:
        CommandError: it failed.
    """
    from mattingd.inference import registry  # noqa: PLC0415 - torch only for who needs it

    if order.model not in registry.models():
        raise CommandError(f"{order.model} is not the program's own; that is {', '.join(registry.models())}")
    try:
        from mattingd.inference.backends import onnx_export  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise CommandError(NEEDS) from error
    model = registry.entry(order.model)
    content = onnx_export.exported(registry.weights(model))
    if order.calibrate is not None:
        content = onnx_export.in_8_bits(content, model.spec, _pictures(order.calibrate))
    sha256 = hashlib.sha256(content).hexdigest()
    beside = order.output.with_suffix(".json")
    try:
        put(order.output, content)
        put(beside, onnx_export.description(model, content, sha256, order.output.stem))
    except OSError as error:
        raise CommandError(f"{order.output}: {error.strerror}", code=ExitCode.FOLDER) from error
    if order.json:
        print(json.dumps({"file": str(order.output), "sha256": sha256, "opset": onnx_export.OPSET}))  # noqa: T201
    else:
        told = f"opset {onnx_export.OPSET}, any batch and shape"
        print(f"{order.output} ({sha256[:12]}, {weight(len(content))}, {told}) and {beside.name}")  # noqa: T201
    return ExitCode.OK


def _pictures(folder: Path) -> "list[Pictures]":
    """Return the pictures of a folder at the network's size, uint8 [1,H,W,3].

    Raises:
        CommandError: there is none.
    """
    from mattingd.imaging.matting.preprocess import fit, to_net  # noqa: PLC0415 - cv2
    from mattingd.training.scoring import PICTURES, opened  # noqa: PLC0415

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    found = []
    for path in paths:
        try:
            srgb = opened(path).srgb
        except ValueError:
            continue
        found.append(to_net(srgb, fit(srgb.shape[1], srgb.shape[0]))[None])
        if len(found) == CALIBRATION:
            break
    if not found:
        raise CommandError(f"{folder}: no picture to calibrate 8 bits on")
    return found
