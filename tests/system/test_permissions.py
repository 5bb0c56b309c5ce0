"""Owner and mode of our own files, where others may write to the folder, too."""

from pathlib import Path

import pytest

from mattingd.domain.artifacts import Permissions
from mattingd.system.permissions import give


@pytest.mark.parametrize("folder", [False, True])
def test_a_link_in_place_of_our_file_is_not_followed(tmp_path: Path, *, folder: bool) -> None:
    """Somebody who may write to the output folder must not get the rights of another file changed by root."""
    aim, link = tmp_path / "of another", tmp_path / "link"
    if folder:
        aim.mkdir(mode=0o700)
    else:
        aim.touch(mode=0o600)
    link.symlink_to(aim)
    before = aim.stat().st_mode
    with pytest.raises(OSError, match=r"link|directory"):
        give(str(link), Permissions(file_mode=0o666, folder_mode=0o777), folder=folder)
    assert aim.stat().st_mode == before


def test_a_folder_keeps_handing_down_its_group(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o2700)
    give(str(folder), Permissions(folder_mode=0o750), folder=True)
    assert folder.stat().st_mode & 0o7777 == 0o2750
