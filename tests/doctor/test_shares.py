"""What `doctor` says of network shares: from recorded mounts, and from a real Samba server."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from samba import Samba, mounted, needs_samba

from mattingd.doctor import folders
from mattingd.doctor.as_user import myself
from mattingd.doctor.findings import Finding, Level
from mattingd.doctor.shares import examine_mount, examine_samba, reachable, server_of
from mattingd.shares.samba_config import Share
from mattingd.system.mounts import is_automount, mount_of, planned_mount

CIFS = (
    "40 30 0:50 / /srv/share rw,relatime shared:9 - cifs //nas.example/matting rw,vers=3.1.1,"
    "cache=strict,username=mattingd,uid=990,forceuid,addr=192.0.2.7,file_mode=0664,dir_mode=02775,{},rsize=4194304"
)
NFS = (
    "41 30 0:51 / /srv/share rw,noatime shared:8 - nfs4 nas.example:/export/matting rw,vers=4.2,"
    "rsize=1048576,namlen=255,{},proto=tcp,timeo=100,retrans=3,sec=sys,clientaddr=192.0.2.1,addr=192.0.2.7"
)
AUTOFS = "39 30 0:49 / /srv/share rw,relatime shared:7 - autofs systemd-1 rw,fd=51,pgrp=1,timeout=0\n"


def findings(line: str, *, automount: bool = True) -> list[Finding]:
    return list(examine_mount(mount_of(Path("/srv/share/in"), line), automount=automount))


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.remedy.split(":")[0]) for finding in found if finding.level != Level.OK]


@pytest.mark.parametrize(
    ("line", "remedies"),
    [
        (CIFS.format("soft,serverino,actimeo=1"), []),
        (CIFS.format("hard,serverino,actimeo=1"), [("warning", "mount with soft")]),
        (CIFS.format("soft,serverino,actimeo=30"), [("warning", "mount with actimeo=1")]),
        (
            CIFS.format("soft,acdirmax=5,acregmax=60"),
            [
                ("warning", "mount with actimeo=1"),
                ("note", "mount with serverino, if the server has such numbers"),
            ],
        ),
        (NFS.format("softerr,acregmin=1,acregmax=3"), []),
        (NFS.format("soft,noac"), []),
        (NFS.format("hard,acregmax=3"), [("warning", "mount with softerr,timeo=100,retrans=3")]),
        (NFS.format("softerr"), [("warning", "mount with acregmax=3")]),
    ],
)
def test_each_option_that_makes_trouble_has_a_remedy(line: str, remedies: list[tuple[str, str]]) -> None:
    found = findings(line)
    assert told(found) == remedies
    assert any(finding.level == Level.OK for finding in found) == (
        not any(level == "warning" for level, _ in remedies)
    )


def test_a_share_that_is_not_mounted_by_itself_is_named() -> None:
    line = CIFS.format("soft,serverino,actimeo=1")
    assert is_automount(Path("/srv/share"), AUTOFS + line)
    assert not is_automount(Path("/srv/share"), line)
    of_a_map = AUTOFS.replace("/srv/share", "/srv").replace("systemd-1", "/etc/auto.shares")
    assert is_automount(Path("/srv/share"), of_a_map + line)
    assert not is_automount(Path("/srv/share/below"), of_a_map + line)
    assert told(findings(line, automount=False)) == [
        ("note", "use an automount unit, or x-systemd.automount in /etc/fstab")
    ]


def test_the_server_of_a_share_is_known() -> None:
    for line, port in ((CIFS.format("soft"), 445), (NFS.format("soft"), 2049)):
        assert server_of(mount_of(Path("/srv/share"), line)) == ("192.0.2.7", port)
    fstab = (
        "# a comment\n//nas/in\\040tray /srv/share cifs soft,port=1445 0 0\n[fe80::1]:/x /nfs nfs soft 0 0\n"
    )
    assert server_of(planned_mount(Path("/srv/share"), fstab)) == ("nas", 1445)
    assert server_of(planned_mount(Path("/nfs"), fstab)) == ("fe80::1", 2049)
    assert server_of(planned_mount(Path("/elsewhere"), fstab)) == ("", 0)


def test_a_server_that_cannot_be_reached_is_a_problem() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        mount = planned_mount(Path("/x"), f"//127.0.0.1/in /x cifs port={port} 0 0")
        assert [finding.level for finding in reachable(mount)] == [Level.OK]
    (finding,) = reachable(mount)
    assert finding.level == Level.PROBLEM
    assert finding.remedy.endswith(f"nc -vz 127.0.0.1 {port}")


@pytest.fixture
def samba(tmp_path: Path) -> Iterator[tuple[Samba, list[Share]]]:
    shares = [Share("in", tmp_path / "in", ""), Share("out", tmp_path / "out", "", is_output=True)]
    options = "".join(
        f"[{share.name}]\n path = {share.path}\n read only = no\n oplocks = no\n"
        " vfs objects = catia fruit streams_xattr\n"
        for share in shares
    )
    samba = Samba(tmp_path / "samba", options)
    yield samba, shares
    samba.close()


@needs_samba
def test_samba_is_seen_to_offer_the_folders_as_it_should(samba: tuple[Samba, list[Share]]) -> None:
    server, shares = samba
    conf = server.root / "smb.conf"
    (down,) = [f for f in examine_samba(shares, conf) if f.level != Level.OK]
    assert (down.level, down.remedy) == (Level.WARNING, "systemctl enable --now smbd")
    server.start()
    found = list(examine_samba(shares, conf))
    assert {finding.level for finding in found} == {Level.OK}
    assert {finding.about for finding in found} == {"samba", "samba share in", "samba share out"}
    sound = conf.read_text(encoding="utf-8")
    for change, level, remedy in (
        (("read only = no\n oplocks", "read only = yes\n oplocks"), Level.PROBLEM, "read only = no"),
        (("oplocks = no", "oplocks = no\n strict allocate = yes"), Level.WARNING, "strict allocate = no"),
        (("oplocks = no", "oplocks = yes"), Level.NOTE, "oplocks = no"),
        (("catia fruit ", "catia "), Level.NOTE, "vfs objects = catia fruit streams_xattr"),
        ((f"path = {shares[0].path}", "path = /elsewhere"), Level.NOTE, "if clients are to reach it"),
        (("oplocks = no", "oplocks = no\n no such = setting"), Level.WARNING, "see them all"),
    ):
        conf.write_text(sound.replace(*change, 1), encoding="utf-8")
        wrong = [f for f in examine_samba(shares, conf) if f.level != Level.OK]
        assert [(f.level, f.remedy.startswith(remedy)) for f in wrong] == [(level, True)], (change, wrong)
    conf.write_text(sound.replace("read only = no\n oplocks", "read only = yes\n oplocks"), encoding="utf-8")
    only_the_hot_folder = [f.level for f in examine_samba(shares[:1], conf)]
    assert Level.PROBLEM in only_the_hot_folder, "with the output folder on another server's share"
    for harmless in (
        ("read only = no\n oplocks", "read only = yes\n write list = root\n oplocks"),
        ("interfaces = 127.", "interfaces = 192.0.2.0/24 127."),
    ):
        conf.write_text(sound.replace(*harmless, 1), encoding="utf-8")
        assert {f.level for f in examine_samba(shares, conf)} == {Level.OK}, harmless
    assert not list(examine_samba(shares, Path(os.devnull) / "none"))


@needs_samba
def test_what_a_mounted_share_cannot_do_is_named(tmp_path: Path) -> None:
    with mounted(tmp_path) as (_, mount):
        found = list(folders._try_out(folders.place_of("output_dir", mount.path, myself())))
        notes = [finding.what for finding in found if finding.level == Level.NOTE and finding.remedy]
        assert [note.split()[0] for note in notes] == ["renaming", "fuse.smbnetfs"]
        assert list(mount.path.iterdir()) == []
