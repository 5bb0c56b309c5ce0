"""Models in the state directory: taken, named, found, refused; nothing half ever counts."""

import json
import os
from pathlib import Path

import pytest
import weights

from mattingd.inference import model_store
from mattingd.inference.model_store import ModelError

NOW = "2026-11-20T12:00:00+00:00"
SHIPPED = ("cv-unet", "cf" * 32)


def take(state: Path, file: Path) -> model_store.Adopted:
    return model_store.adopt(state, file, SHIPPED[0], NOW)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def test_a_model_is_copied_with_its_description_and_taken_once(state: Path, tmp_path: Path) -> None:
    sha256 = weights.counting(tmp_path / "brand.safetensors", 0.5)
    model = take(state, tmp_path / "brand.safetensors")
    expected = model_store.Adopted(
        sha256, "brand", model.size, str(tmp_path / "brand.safetensors"), adopted_at=NOW
    )
    assert model == expected
    assert take(state, tmp_path / "brand.safetensors") == model
    assert model_store.adopted(state) == [model]
    file = model_store.weights_file(state, sha256)
    assert file.read_bytes() == (tmp_path / "brand.safetensors").read_bytes()
    assert json.loads(file.with_suffix(".json").read_text())["strength"] == 0.5
    assert sorted(path.suffix for path in file.parent.iterdir()) == [".json", ".safetensors"], "no temp file"


def test_names_are_unique_and_the_package_keeps_its_own(state: Path, tmp_path: Path) -> None:
    shas = [weights.counting(tmp_path / f"{n}" / "cv-unet.safetensors", n / 10) for n in (1, 2)]
    names = [take(state, tmp_path / f"{n}" / "cv-unet.safetensors").name for n in (1, 2)]
    assert names == [f"cv-unet-{sha256[:8]}" for sha256 in shas]
    assert model_store.find("cv-unet", state, *SHIPPED) == ""
    assert model_store.find("cfcf", state, *SHIPPED) == ""
    assert model_store.find(names[1], state, *SHIPPED) == shas[1]
    assert model_store.find(shas[0][:6].upper(), state, *SHIPPED) == shas[0]


def test_who_asks_for_nothing_is_told_what_there_is(state: Path, tmp_path: Path) -> None:
    weights.counting(tmp_path / "brand.safetensors")
    take(state, tmp_path / "brand.safetensors")
    with pytest.raises(ModelError, match="there is no model 'brnd'; there is cv-unet, brand"):
        model_store.find("brnd", state, *SHIPPED)
    with pytest.raises(ModelError, match="there is no model 'cfc'"):
        model_store.find("cfc", state, *SHIPPED)
    (state / "models" / f"{'cf' * 30}0000.safetensors").write_bytes(b"")
    (state / "models" / f"{'cf' * 30}0000.json").write_text(
        '{"name": "twin", "origin": "", "adopted_at": ""}'
    )
    with pytest.raises(ModelError, match="more than one model 'cfcf'"):
        model_store.find("cfcf", state, *SHIPPED)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("weights", "is not the file that brand.json describes: its SHA-256 begins with"),
        ("no weights", "brand.safetensors cannot be read: No such file or directory"),
        ("no description", "brand.json cannot be read: No such file or directory; the training's export"),
        ("nonsense", "brand.json does not describe a model"),
        ("other json", "brand.json does not describe a model"),
    ],
)
def test_what_cannot_be_taken_leaves_nothing_behind(
    state: Path, tmp_path: Path, damage: str, complaint: str
) -> None:
    file = tmp_path / "brand.safetensors"
    weights.counting(file)
    match damage:
        case "weights":
            file.write_bytes(b"other")
        case "no weights":
            file.unlink()
        case "no description":
            file.with_suffix(".json").unlink()
        case "nonsense":
            file.with_suffix(".json").write_text("{")
        case _:
            file.with_suffix(".json").write_text('["spec"]')
    with pytest.raises(ModelError, match=complaint):
        take(state, file)
    assert model_store.adopted(state) == []
    assert not (state / "models").exists()


def test_half_a_pair_is_no_model(state: Path, tmp_path: Path) -> None:
    """The description comes last: what was interrupted between the two is taken anew."""
    sha256 = weights.counting(tmp_path / "brand.safetensors")
    take(state, tmp_path / "brand.safetensors")
    model_store.weights_file(state, sha256).with_suffix(".json").unlink()
    assert model_store.adopted(state) == []
    take(state, tmp_path / "brand.safetensors")
    assert len(model_store.adopted(state)) == 1
    model_store.discard(state, sha256)
    assert list((state / "models").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_takes_belongs_to_the_daemons_user(state: Path, tmp_path: Path) -> None:
    os.chown(state, 12345, 12345)
    sha256 = weights.counting(tmp_path / "brand.safetensors")
    take(state, tmp_path / "brand.safetensors")
    file = model_store.weights_file(state, sha256)
    for path in (file, file.with_suffix(".json"), file.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)
