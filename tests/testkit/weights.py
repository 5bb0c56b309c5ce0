"""Files of weights for tests: for the test engine, and for the real model."""

import hashlib
import json
from pathlib import Path
from typing import Any


def counting(file: Path, strength: float = 1.0, **more: Any) -> str:
    """Weights for the test engine, whose mattes are multiplied by `strength`; returns their hash."""
    content = f"strength {strength} {more}".encode()
    sha256 = hashlib.sha256(content).hexdigest()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    data = {"spec": {"id": "counting", "sha256": sha256}, "strength": strength, **more}
    file.with_suffix(".json").write_text(json.dumps(data))
    return sha256


def cv_unet(file: Path, bias: float) -> str:
    """The shipped weights with another last bias, which makes every matte fuller (or thinner).

    Written with the description that an export would write; returns their hash.
    """
    import safetensors.torch  # noqa: PLC0415 - heavy

    from mattingd.inference import registry, self_test  # noqa: PLC0415
    from mattingd.inference.backends.torch_backend import TorchEngine  # noqa: PLC0415

    shipped = registry.entry()
    tensors = safetensors.torch.load(registry.weights(shipped))
    tensors["last.bias"] = tensors["last.bias"] + bias
    content = safetensors.torch.save(tensors)
    sha256 = hashlib.sha256(content).hexdigest()
    matte = TorchEngine(shipped, content, "cpu", "fp32", threads=1).matte(self_test.picture())[0]
    data = json.loads((registry.weights_folder() / "cv-unet.json").read_text(encoding="utf-8"))
    data["spec"]["sha256"] = sha256
    data["golden"] = [[round(float(value), 4) for value in row] for row in self_test.cells(matte)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.with_suffix(".json").write_text(json.dumps(data))
    return sha256
