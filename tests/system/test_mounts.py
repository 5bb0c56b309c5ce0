"""Which file system a path lies on, told from the kernel's table."""

from pathlib import Path

import pytest

from mattingd.system.mounts import NETWORK, file_system, mount_table, real_path, share_of

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


RECORDED = r"""
28 1 254:0 / / rw,relatime - ext4 /dev/vda rw
35 28 0:31 / /mnt/nas rw,relatime shared:16 - autofs systemd-1 rw,fd=47,pgrp=1,timeout=0,minproto=5,direct
40 28 0:50 / /srv/smb rw,relatime shared:7 - cifs //nas/pictures rw,vers=3.1.1,soft,actimeo=1
41 28 0:51 / /srv/smb3 rw,relatime - smb3 //nas/more rw,vers=3.1.1
42 28 0:52 / /srv/nfs rw,noatime - nfs4 nas:/export rw,vers=4.2,softerr
43 28 0:53 / /home/anna/cloud rw,nosuid,nodev - fuse.smbnetfs smbnetfs rw,user_id=0
44 28 0:54 / /mnt/odd rw - fuse.some-new-thing thing rw
45 28 0:55 / /mnt/usb rw - fuseblk /dev/sdb1 rw
46 28 0:56 / /mnt/pool rw - fuse.mergerfs a:b rw
47 28 0:57 / /srv/in/nas rw - cifs //nas/sub rw
48 28 0:58 / /var/lib/vm rw - virtiofs shared rw
49 28 0:59 / /mnt/nine rw - 9p host rw,trans=virtio
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/nas/in", "autofs"),
        ("/srv/smb/in", "cifs"),
        ("/srv/smb3", "smb3"),
        ("/srv/nfs/a/b", "nfs4"),
        ("/home/anna/cloud/x", "fuse.smbnetfs"),
        ("/mnt/odd/x", "fuse.some-new-thing"),
        ("/srv/in", "cifs"),
        ("/var/lib/vm/in", "virtiofs"),
        ("/mnt/nine", "9p"),
        ("/mnt/usb/in", None),
        ("/mnt/pool", None),
        ("/home/anna", "fuse.smbnetfs"),
        ("/opt/in", None),
    ],
)
def test_a_folder_is_polled_where_it_or_something_below_it_is_a_share(path: str, kind: str | None) -> None:
    share = share_of(Path(path), RECORDED)
    assert (share and share.kind) == kind


def test_links_are_followed_but_no_share_is_asked(tmp_path: Path) -> None:
    base = tmp_path.resolve()
    table = f"28 1 254:0 / / rw - ext4 /dev/vda rw\n40 28 0:50 / {base}/nas rw - cifs //nas/in rw\n"
    for name in ("nas", "local"):
        (base / name).mkdir()
    (base / "link").symlink_to("local")
    (base / "nas" / "link").symlink_to(base / "local")
    (base / "round").symlink_to("round")
    (base / "to-nas").symlink_to(base / "nas" / "link")
    assert real_path(base / "link" / "x" / ".." / "y", table) == base / "local" / "y"
    assert real_path(base / "nas" / "link" / "x", table) == base / "nas" / "link" / "x"
    assert real_path(base / "to-nas" / "x", table) == base / "nas" / "link" / "x"
    assert real_path(base / "round" / "x", table).is_relative_to(base)
