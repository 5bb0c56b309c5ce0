"""Backgrounds as files: pinned by content, looked at apart, kept in the state directory."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mattingd.config import backgrounds
from mattingd.domain.presets import Pin, Preset, named, recipe_hash
from tests.imaging.pictures import encode, photo


def studio(folder: Path, seed: int = 0, name: str = "studio.jpg") -> Path:
    path = folder / name
    path.write_bytes(encode(photo(400, 300, seed), "JPEG"))
    return path


def pin_of(path: Path) -> Pin:
    return Pin(str(path), hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("path", ["/a/studio.jpg", "/a b/ü#1.png", "/x#sha256"])
def test_a_pin_is_what_it_was_as_text(path: str) -> None:
    pin = Pin(path, "ab" * 32)
    assert Pin.of(str(pin)) == pin
    assert Pin.of(path) == Pin(path)
    assert Pin.of("#ffffff") is Pin.of(None) is None


def test_another_content_is_another_recipe(tmp_path: Path) -> None:
    preset = replace(named("product"), background=str(studio(tmp_path)))
    first, again = backgrounds.pinned(preset), backgrounds.pinned(preset)
    assert Pin.of(first.background) == pin_of(tmp_path / "studio.jpg")
    assert recipe_hash(first, "m") == recipe_hash(again, "m")
    studio(tmp_path, seed=1)
    assert recipe_hash(backgrounds.pinned(preset), "m") != recipe_hash(first, "m")
    assert backgrounds.pinned(Preset(background="#ffffff")) == Preset(background="#ffffff")


def test_what_cannot_be_used_is_told_in_a_line_each(tmp_path: Path) -> None:
    good, small = pin_of(studio(tmp_path)), tmp_path / "small.png"
    small.write_bytes(encode(photo(20, 20), "PNG"))
    gone, folder = Pin(str(tmp_path / "gone.jpg")), Pin(str(tmp_path))
    changed = replace(good, sha256="00" * 32)
    assert backgrounds.faults([good, pin_of(small), gone, folder, changed, good]) == {
        pin_of(small): "cannot stand behind pictures: its 20 x 20 px are too few: 256 a side at least",
        gone: "does not exist; put the picture there, or mount the share it lies on",
        folder: "is a folder, not a picture",
        changed: "was changed at this very moment; try once more",
    }
    assert backgrounds.faults([]) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="drops privileges")
def test_one_that_may_not_be_read_is_told_so(tmp_path: Path) -> None:
    pin = pin_of(studio(tmp_path))
    (tmp_path / "studio.jpg").chmod(0o600)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    code = "import sys; from mattingd.config.backgrounds import look, Pin; print(look(Pin.of(sys.argv[1])))"
    command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code, str(pin)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "cannot be read: Permission denied\n"


def test_the_copy_stays_when_the_file_changes_until_nobody_wants_it(tmp_path: Path) -> None:
    state, path = tmp_path / "state", studio(tmp_path)
    old, content = pin_of(path), path.read_bytes()
    assert list(backgrounds.keep(state, [old, old])) == []
    studio(tmp_path, seed=1)
    assert list(backgrounds.keep(state, [old, pin_of(path)])) == []
    assert backgrounds.read_copy(state, old) == content
    backgrounds.tidy(state, [None, pin_of(path)])
    assert [file.name for file in (state / "backgrounds").iterdir()] == [pin_of(path).sha256]
    with pytest.raises(FileNotFoundError):
        backgrounds.read_copy(state, old)


def test_a_copy_that_is_damaged_or_cannot_be_made_is_found_out(tmp_path: Path) -> None:
    state, pin = tmp_path / "state", pin_of(studio(tmp_path))
    wrong = list(backgrounds.keep(state, [replace(pin, sha256="00" * 32)]))
    assert wrong == [f"the background {pin.path!r} was changed at this very moment; try once more"]
    assert list(backgrounds.keep(state, [pin])) == []
    backgrounds.copy_of(state, pin).write_bytes(b"something else")
    with pytest.raises(OSError, match="its content is not what it was"):
        backgrounds.read_copy(state, pin)
    (tmp_path / "file").touch()
    (line,) = backgrounds.keep(tmp_path / "file", [pin])
    assert line.endswith(f"cannot be kept in {str(tmp_path / 'file' / 'backgrounds')!r}: Not a directory")
