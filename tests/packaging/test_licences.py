"""Licences of what the program needs, and of what lies in it and is not ours."""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from deploy import sbom

ROOT = Path(__file__).parents[2]
OF_OTHERS = {".safetensors", ".tflite", ".jpg"}


def test_what_the_program_needs_may_be_used() -> None:
    """Without its extras: those need not be installed here; `make sbom` has them, too."""
    used = sbom.closure("mattingd", (), sys.path)
    licences = {found.metadata["Name"]: sbom.licence(found) for found in used}
    assert {"torch", "numpy", "opencv-python-headless"} <= licences.keys()
    assert "pytest" not in licences
    assert sbom.unfit(licences) == {}


def test_each_file_of_others_in_the_package_has_a_licence() -> None:
    vendored = (ROOT / "mattingd/web/static/vendor").glob("*.min.*")
    found = [path for path in (ROOT / "mattingd").rglob("*") if path.suffix in OF_OTHERS]
    assert {str(path.relative_to(ROOT)) for path in [*found, *vendored]} == sbom.DATA.keys()


def test_what_is_handed_on_has_no_part_under_the_gpl() -> None:
    for file in ("Dockerfile", "deploy/deb/build.py"):
        (extras,) = re.findall(r"\[\$?\{onnx\},([a-z,]+)\]", (ROOT / file).read_text(encoding="utf-8"))
        assert "jxl" not in extras.split(",")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", False),
        ("GPL-3.0-only", False),
        ("GNU Affero General Public License v3", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("MIT OR GPL-2.0-only", True),
        ("BSD-3-Clause", True),
    ],
)
def test_a_licence_is_judged_by_its_words(text: str, *, fits: bool) -> None:
    assert (sbom.unfit({"package": text}) == {}) == fits


def test_what_the_cuda_build_of_pytorch_brings_is_used_on_nvidias_terms() -> None:
    terms = {"nvidia-cublas": "LicenseRef-NVIDIA-Proprietary", "cuda-toolkit": ""}
    assert sbom.unfit(terms | {"other": "LicenseRef-NVIDIA-Proprietary"}).keys() == {"other"}


def test_the_first_package_that_is_missing_is_named() -> None:
    with pytest.raises(SystemExit, match="pip install --editable"):
        sbom.closure("no-such-package", (), sys.path)


def test_a_licence_is_found_in_each_form(tmp_path: Path) -> None:
    for name, line in {
        "a": "License-Expression: MIT",
        "b": "Classifier: License :: OSI Approved :: BSD License",
        "c": "License: Apache 2.0",
        "d": "Summary: says nothing",
    }.items():
        place = tmp_path / f"{name}-1.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{line}\n")
    told = {each.metadata["Name"]: sbom.licence(each) for each in _all(tmp_path)}
    assert told == {"a": "MIT", "b": "BSD License", "c": "Apache 2.0", "d": ""}


def _all(place: Path) -> list[Distribution]:
    return list(distributions(path=[str(place)]))
