"""Daemons on one output folder know of each other, by what each says in its own marker."""

import os
from pathlib import Path

from faulty_share import FaultyShare, needs_fuse

from mattingd.outputs.other_daemons import ALIVE_SECONDS, OtherDaemons, card

NAMES = [f".mattingd-{each}-home" for each in "ab"]


def looked(folder: Path, name: str) -> str | None:
    return OtherDaemons(str(folder), name, card(f"/state/{name}", [f"/srv/{name}"])).look()


def test_without_a_marker_of_its_own_a_daemon_says_nothing(tmp_path: Path) -> None:
    assert looked(tmp_path, NAMES[0]) is None
    assert list(tmp_path.iterdir()) == []


def test_each_names_the_other_until_it_says_nothing_for_a_while(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    assert looked(tmp_path, NAMES[0]) is None, "an empty marker is one of an older version"
    said = looked(tmp_path, NAMES[1])
    assert said is not None
    for part in (f"process {os.getpid()} on ", "(state in /state/.mattingd-a-home)", "/srv/.mattingd-a-home"):
        assert part in said
    assert "-b-home" in (looked(tmp_path, NAMES[0]) or "")
    old = (tmp_path / NAMES[0]).stat().st_mtime - ALIVE_SECONDS - 1
    os.utime(tmp_path / NAMES[1], (old, old))
    assert looked(tmp_path, NAMES[0]) is None, "it was killed, or lost the share"


def test_what_another_program_wrote_there_is_no_daemon(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    wrong = b'{"host": 1, "pid": "x", "state_dir": 2, "hot_folders": 3}'
    for content in (b"\xff\x00", b"[]", b'{"host": "a"}', wrong):
        (tmp_path / NAMES[1]).write_bytes(content)
        assert looked(tmp_path, NAMES[0]) is None
    (tmp_path / NAMES[1]).unlink()
    (tmp_path / NAMES[1]).symlink_to(tmp_path / NAMES[0])
    assert looked(tmp_path, NAMES[0]) is None


def test_many_hot_folders_with_long_names_are_all_named(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    folders = [f"/srv/图片/{number}/电子商务部门的热文件夹" for number in range(100)]
    OtherDaemons(str(tmp_path), NAMES[1], card("/state", folders)).look()
    assert folders[-1] in (looked(tmp_path, NAMES[0]) or "")


def test_what_it_says_may_become_shorter(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    for folders in (["/srv/one", "/srv/two"], ["/srv/one"]):
        OtherDaemons(str(tmp_path), NAMES[1], card("/state", folders)).look()
        assert (looked(tmp_path, NAMES[0]) or "").endswith(", ".join(folders))


@needs_fuse
def test_on_a_share_they_name_each_other_and_a_failure_is_not_repeated_at_once(tmp_path: Path) -> None:
    with FaultyShare(tmp_path / "share") as share:
        for name in NAMES:
            (share.behind / name).touch()
        OtherDaemons(str(share.path), NAMES[1], card("/state", ["/srv/b"])).look()
        assert "/srv/b" in (looked(share.path, NAMES[0]) or "")
        first = OtherDaemons(str(share.path), NAMES[0], card("/state", ["/srv/a"]))
        share.tell(errors={"write": "EIO"})
        assert first.look() is None
        share.tell()
        assert first.look() is None, "a call that fails may take seconds of a mount that others use"
