"""Which file system a path lies on, told from the kernel's table."""

from pathlib import Path

import pytest

from mattingd.system.mounts import NETWORK, file_system, mount_table

TABLE = r"""
22 28 0:21 / /proc rw,relatime - proc proc rw
28 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 28 0:50 / /srv/share rw,relatime shared:7 master:2 - cifs //nas/pictures rw,vers=3.1.1
41 40 0:51 / /srv/share/cache rw - tmpfs tmpfs rw
42 28 0:52 / /srv/with\040space rw - nfs4 nas:/export rw
43 28 0:53 / /mnt/twice rw - ext4 /dev/vdb rw
44 43 0:54 / /mnt/twice rw - fuse.sshfs host:/x rw
45 28 0:55 / /mnt/back\134slash rw - xfs /dev/vdc rw
a line that means nothing
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/a", "ext4"),
        ("/srv/share", "cifs"),
        ("/srv/share/in/today", "cifs"),
        ("/srv/shared", "ext4"),
        ("/srv/share/cache/x", "tmpfs"),
        ("/srv/with space/y", "nfs4"),
        ("/mnt/twice/z", "fuse.sshfs"),
        ("/mnt/back\\slash/z", "xfs"),
    ],
)
def test_the_nearest_mount_decides_and_of_two_on_one_point_the_later(path: str, kind: str) -> None:
    assert file_system(Path(path), TABLE) == kind


def test_without_a_table_there_is_no_answer() -> None:
    assert file_system(Path("/srv"), "") == ""


def test_network_file_systems_are_told_from_local_ones() -> None:
    assert {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.smbnetfs", "fuse.rclone"} <= NETWORK
    assert not {"ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "vfat", ""} & NETWORK


def test_this_machine_has_a_table_and_its_root_a_type() -> None:
    assert file_system(Path("/proc/self"), mount_table()) == "proc"
    assert file_system(Path("/"), mount_table())
