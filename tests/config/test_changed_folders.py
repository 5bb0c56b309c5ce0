"""What a reload says of hot folders that stay: every setting that differs, as it is written in the file."""

from dataclasses import fields
from pathlib import Path

import pytest

from mattingd.config import parse
from mattingd.config.schema import HotFolder, Settings
from mattingd.runtime.reload import reconciled

CHANGED = {
    "name": ("name: shoes", "name in -> shoes"),
    "preset": ("preset: marketplace", "preset transparent -> marketplace"),
    "existing": ("existing: ignore", "existing process -> ignore"),
    "originals": ("originals: delete", "originals keep -> delete"),
    "drops": ("drops: subfolder", "drops folder -> subfolder"),
    "weight": ("weight: 3", "weight 1 -> 3"),
    "hours": ("hours: ['20:00-06:00', '12:00-13:30']", "hours always -> 20:00-06:00, 12:00-13:30"),
    "status_file": ("status_file: true", "status_file false -> true"),
    "also": ("also: [marketplace]", "also marketplace"),
    "recipe": ("settings: {background: white}", "background"),
}
NO_SETTING = {"path", "recipe_hash", "uploads"}


def settings(folder: Path, line: str = "") -> Settings:
    out, state = folder / "out", folder / "state"
    text = f"output_dir: {out}\nstate_dir: {state}\nhot_folders:\n- path: {folder / 'in'}\n  {line}\n"
    return parse(text, folder / "config.yaml", mountinfo="")


@pytest.mark.parametrize("name", CHANGED)
def test_each_setting_of_a_folder_that_changed_is_told(tmp_path: Path, name: str) -> None:
    line, told = CHANGED[name]
    _, changes = reconciled(settings(tmp_path), settings(tmp_path, line))
    assert told in "; ".join(changes.taken)


def test_none_is_left_out() -> None:
    assert {item.name for item in fields(HotFolder)} == CHANGED.keys() | NO_SETTING


def test_what_did_not_change_is_not_told(tmp_path: Path) -> None:
    both = [settings(tmp_path, "hours: 20:00-06:00") for _ in range(2)]
    assert reconciled(*both)[1].taken == ()
