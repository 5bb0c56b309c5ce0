"""The catalogue is data: every entry states a contract that the engine can keep."""

from pathlib import Path

import pytest

from mattingd.inference import registry
from mattingd.inference.backend import ModelSpec
from mattingd.zoo import catalogue
from mattingd.zoo.catalogue import CatalogueError

EXPECTED = {
    "u2netp", "u2net", "u2net-human", "silueta", "isnet-general", "isnet-anime", "modnet", "birefnet-general",
    "birefnet-lite", "birefnet-portrait", "birefnet-matting", "birefnet-hr-matting", "ben2", "inspyrenet",
    "ormbg", "withoutbg", "modelscope-cv-unet", "rmbg-1.4", "rmbg-2.0",
}  # fmt: skip
TAKEN = """
u2netp:
  title: x
  contract: {side: 8, multiple: 8, scale: 1, mean: [0, 0, 0], std: [1, 1, 1], activation: none}
"""
SHA256_DIGITS = 64
UNPINNED = """
shoes:
  title: x
  contract: {side: 8, multiple: 8, scale: 1, mean: [0, 0, 0], std: [1, 1, 1], activation: none}
  files: [{url: "https://example.org/s.onnx"%s}]
"""
PINNED = {
    "u2net": "60024c5c889badc19c04ad937298a77b",
    "u2netp": "8e83ca70e441ab06c318d82300c84806",
    "u2net-human": "c09ddc2e0104f800e3e1bb4652583d1f",
    "silueta": "55e59e0d8062d2f5d013f4725ee84782",
    "isnet-general": "fc16ebd8b0c10d971d3513d564d01e29",
    "isnet-anime": "6f184e756bb3bd901c8849220a83e38e",
    "birefnet-general": "7a35a0141cbbc80de11d9c9a28f52697",
    "birefnet-lite": "4fab47adc4ff364be1713e97b7e66334",
    "birefnet-portrait": "c3a64a6abf20250d090cd055f12a3b67",
}


def test_the_published_models_are_there_with_the_hashes_that_are_pinned() -> None:
    entries = catalogue.published()
    assert set(entries) == EXPECTED
    assert {name: entry.files[0].md5 for name, entry in entries.items() if name in PINNED} == PINNED
    assert {name for name, entry in entries.items() if not entry.files} == {"modelscope-cv-unet"}
    files = [file for entry in entries.values() for file in entry.files]
    assert all(len(file.sha256) == SHA256_DIGITS and file.bytes for file in files)
    assert all(file.url.startswith("https://") for file in files)
    assert len({file.name for file in files}) == len(files), "a mirror has each under a name of its own"
    assert len({file.sha256 for file in files}) == len(files)
    assert {name for name, entry in entries.items() if entry.commercial == "no"} == {"rmbg-1.4", "rmbg-2.0"}


def test_the_advice_is_there_in_both_languages() -> None:
    for name, entry in catalogue.published().items():
        assert entry.advice.isascii(), name
        assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.advice_zh), name


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_contract_can_be_kept(name: str) -> None:
    entry = catalogue.published()[name]
    for variant in (catalogue.PLAIN, *entry.variants):
        spec = entry.spec("0" * 64, variant)
        registry.check_possible(spec)
        assert spec.net.fixed == (spec.side == spec.multiple), "a square shape is the only one"
        assert spec.normalisation == "none" or variant == "rembg" or spec.empty_below > 0, (
            "stretching to min..max invents a subject, unless that is guarded"
        )
    if "rembg" in entry.variants:
        rembg = entry.spec("0" * 64, "rembg")
        assert (rembg.resampling, rembg.scaling, rembg.normalisation) == ("lanczos", "maximum", "min-max")


def test_a_team_has_its_own_entries(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(
        "shoes:\n  title: Our shoes\n  contract: {side: 512, multiple: 32, scale: 1, mean: [0, 0, 0],"
        " std: [1, 1, 1], activation: none}\n  files: [{url: 'https://example.org/s.onnx', sha256: "
        f"{'ab' * 32}" + "}]\n"
    )
    entry = catalogue.all_entries(tmp_path)["shoes"]
    assert isinstance(entry.spec("0" * 64), ModelSpec)
    assert entry.files[0].name == "s.onnx"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("shoes: [", "ours.yaml: while parsing"),
        ("- shoes", "names with their entries are needed"),
        ("shoes: 7", "shoes: an entry needs title and contract"),
        ("shoes: {title: x, contract: {}}", "its contract is invalid: side"),
        ("shoes: {title: x, contract: {side: 8}, colour: red}", "there is no field 'colour'"),
        (TAKEN, "there is a model 'u2netp' already"),
        (UNPINNED % "", "its file needs a `sha256` of 64 hexadecimal digits.*add FILE --like shoes"),
        (UNPINNED % ", sha256: abcd", "its file needs a `sha256`"),
        (UNPINNED % f", md5: {'a' * 64}", "its file needs a `sha256`"),
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "ours.yaml").write_text(text)
    with pytest.raises(CatalogueError, match=complaint) as told:
        catalogue.all_entries(tmp_path)
    assert "\n" not in str(told.value)
