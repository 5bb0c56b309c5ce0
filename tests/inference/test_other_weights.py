"""Other weights for the shipped model: read, refused, or loaded and tested like the package's own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import weights

from mattingd.imaging.matting.alpha import LEAST_COVERAGE, LEAST_MAXIMUM
from mattingd.inference import registry, self_test
from mattingd.inference.backend import EngineFault, SelfTestFailed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def fuller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped weights with another bias, and their description."""
    file = tmp_path_factory.mktemp("weights") / "fuller.safetensors"
    weights.cv_unet(file, 0.5)
    return file


def described(fuller: Path, folder: Path, **changes: object) -> Path:
    """A copy whose description differs."""
    data = json.loads(fuller.with_suffix(".json").read_text())
    for key, value in changes.items():
        (data["spec"] if key in data["spec"] else data)[key] = value
    (folder / "copy.safetensors").write_bytes(fuller.read_bytes())
    (folder / "copy.json").write_text(json.dumps(data))
    return folder / "copy.safetensors"


def test_they_are_loaded_tested_and_make_other_mattes(fuller: Path) -> None:
    engine = registry.load(device="cpu", precision="fp32", threads=1, file=str(fuller))
    engine.self_test()
    shipped = registry.load(device="cpu", precision="fp32", threads=1)
    assert engine.spec.sha256 != shipped.spec.sha256
    assert (engine.matte(self_test.picture()) - shipped.matte(self_test.picture())).mean() > 0


def test_a_wrong_expectation_fails_the_self_test(fuller: Path, tmp_path: Path) -> None:
    golden_cells = np.asarray(registry.entry().golden)
    file = described(fuller, tmp_path, golden=np.clip(golden_cells - 0.1, 0, 1).tolist())
    with pytest.raises(SelfTestFailed, match="the matte is off by"):
        registry.load(device="cpu", precision="fp32", threads=1, file=str(file)).self_test()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sha256": "00" * 32}, "is damaged: SHA-256"),
        ({"side": 512}, "are no weights for cv-unet: their input or output is described otherwise"),
        ({"id": "u3net"}, "are no weights for cv-unet"),
        ({"golden": [[0.0] * 8] * 8}, "see the self-test's ball quite otherwise"),
        ({"golden": [[0.0]]}, "see the self-test's ball quite otherwise"),
        ({"golden": [["high"]]}, "does not describe a model"),
        ({"mean": 7}, "does not describe a model"),
        (
            {"geometry": "square"},
            "wants geometry 'square', .* can only do 'buckets'",
        ),
        ({"channel_order": "bgra"}, "wants channel_order 'bgra', .* can only do 'rgb' or 'bgr'"),
        ({"channel_order": "bgr"}, "are no weights for cv-unet"),
        ({"least_maximum": 0.5}, "wants least_maximum 0.5"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_loaded(
    fuller: Path, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(EngineFault, match=complaint):
        registry.other_weights("cv-unet", described(fuller, tmp_path, **changes))


def test_what_an_older_description_does_not_state_has_its_default(fuller: Path, tmp_path: Path) -> None:
    file = described(fuller, tmp_path)
    data = json.loads(file.with_suffix(".json").read_text())
    later = {"geometry", "resampling", "channel_order", "output_index", "least_maximum", "least_coverage"}
    assert later < set(data["spec"]), "all of it is stated by now"
    data["spec"] = {key: value for key, value in data["spec"].items() if key not in later}
    file.with_suffix(".json").write_text(json.dumps(data))
    older, _ = registry.other_weights("cv-unet", file)
    assert replace(older.spec, sha256="") == replace(registry.entry().spec, sha256="")


def test_what_a_contract_may_ask_for_is_what_is_done() -> None:
    assert registry.POSSIBLE["least_maximum"] == (LEAST_MAXIMUM,)
    assert registry.POSSIBLE["least_coverage"] == (LEAST_COVERAGE,)


def test_missing_weights_say_the_way_back(tmp_path: Path) -> None:
    with pytest.raises(EngineFault, match="`mattingd models reload cv-unet` goes back"):
        registry.other_weights("cv-unet", tmp_path / "gone.safetensors")
