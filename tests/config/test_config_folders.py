"""Configured folders that are in one another's way, or cannot be used as they are."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mattingd import config

LOCAL = "28 1 254:0 / / rw - ext4 /dev/vda rw\n"
NOBODY = 65534


def written(base: Path, out: str, state: str, *inputs: str) -> str:
    """A configuration file with these folders below ``base``."""
    paths = "".join(f"  - path: {base / name}\n" for name in inputs)
    return f"output_dir: {base / out}\nstate_dir: {base / state}\nhot_folders:\n{paths}"


def parsed(text: str) -> config.Settings:
    return config.parse(text, "config.yaml", mountinfo=LOCAL)


def complaint(text: str) -> str:
    with pytest.raises(config.ConfigError) as caught:
        parsed(text)
    (line,) = caught.value.lines
    return line.removeprefix("config.yaml:")


@pytest.mark.parametrize(
    ("out", "state", "inputs", "where", "what"),
    [
        ("in/out", "state", ["in"], "1: output_dir", "is inside hot_folders[0].path"),
        ("in", "state", ["in"], "1: output_dir", "is the same folder as hot_folders[0].path"),
        ("out", "state", ["out/in"], "4: hot_folders[0].path", "is inside output_dir"),
        ("out", "in/state", ["in"], "2: state_dir", "is inside hot_folders[0].path"),
        ("out", "out", ["in"], "2: state_dir", "is the same folder as output_dir"),
        ("out", "state", ["in", "in/sub"], "5: hot_folders[1].path", "is inside hot_folders[0].path"),
        ("out", "state", ["in/sub", "in"], "4: hot_folders[0].path", "is inside hot_folders[1].path"),
        ("link/out", "state", ["in"], "1: output_dir", "is inside hot_folders[0].path"),
        (
            "out",
            "state",
            ["in", "link"],
            "5: hot_folders[1].path",
            "is the same folder as hot_folders[0].path",
        ),
    ],
)
def test_folders_in_one_anothers_way_are_refused(
    tmp_path: Path, out: str, state: str, inputs: list[str], where: str, what: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    line = complaint(written(tmp_path, out, state, *inputs))
    assert line.startswith(f"{where}: {what}")


def test_folders_beside_one_another_are_taken_even_with_a_common_beginning(tmp_path: Path) -> None:
    assert len(parsed(written(tmp_path, "in-out", "in-state", "in", "in2")).hot_folders) == 2


def test_hot_folders_need_names_that_differ_however_a_share_folds_them(tmp_path: Path) -> None:
    line = complaint(written(tmp_path, "out", "state", "a/Café", "b/CAFE\u0301"))
    assert line.startswith("5: hot_folders[1].path: the name 'CAFE\u0301' belongs to hot_folders[0]")


def test_a_path_whose_last_part_is_no_name_needs_one(tmp_path: Path) -> None:
    line = complaint(written(tmp_path, "out", "state", ".in"))
    assert "gives the name '.in', which must not begin or end with a dot" in line
    assert parsed(written(tmp_path, "out", "state", ".in") + "    name: in\n").hot_folders[0].name == "in"


def test_the_journal_is_refused_on_a_network_share() -> None:
    table = LOCAL + "29 28 0:9 / /srv/state rw - nfs4 nas:/x rw\n"
    text = written(Path("/srv"), "out", "state", "in")
    with pytest.raises(config.ConfigError, match=r":2: state_dir: is on a network file system \(nfs4\)"):
        config.parse(text, "config.yaml", mountinfo=table)


# --- as they are on the disk --------------------------------------------------------------------------------


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A temporary folder that every user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path.resolve()
    shutil.rmtree(path)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may do everything; as nobody, rights count. Who is not root stays who they are."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_sound_folders_have_no_problem_and_no_trace_is_left(tmp_path: Path) -> None:
    for name in ("in", "state"):
        (tmp_path / name).mkdir()
    assert config.problems_on_disk(parsed(written(tmp_path, "a/b/out", "state", "in"))) == ()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "in", tmp_path / "state"]


def test_folders_that_are_missing_or_no_folders_are_named(tmp_path: Path) -> None:
    for name in ("file", "picture"):
        (tmp_path / name).write_text("x")
    settings = parsed(written(tmp_path, "file", "file/state", "none", "picture"))
    assert config.problems_on_disk(settings) == (
        f"hot_folders[0].path: '{tmp_path}/none' does not exist; create it, or mount its share",
        f"hot_folders[1].path: '{tmp_path}/picture' is not a folder",
        f"output_dir: '{tmp_path}/file' is not a folder",
        f"state_dir: '{tmp_path}/file/state' cannot be created: '{tmp_path}/file' is not a folder",
    )


def test_folders_without_the_rights_are_named(open_path: Path) -> None:
    rights = {"hidden": 0o000, "listed": 0o444, "fixed": 0o555}
    for name, mode in rights.items():
        (open_path / name).mkdir(mode=mode)
    settings = parsed(written(open_path, "fixed", "fixed/state", "hidden", "listed"))
    with without_privileges():
        problems = config.problems_on_disk(settings)
    for name in rights:
        (open_path / name).chmod(0o755)
    assert problems == (
        f"hot_folders[0].path: '{open_path}/hidden' cannot be listed: Permission denied",
        f"hot_folders[1].path: '{open_path}/listed' does not allow its files to be opened: Permission denied",
        f"output_dir: '{open_path}/fixed' cannot be written to: Permission denied",
        f"state_dir: '{open_path}/fixed/state' cannot be created in '{open_path}/fixed': Permission denied",
    )
