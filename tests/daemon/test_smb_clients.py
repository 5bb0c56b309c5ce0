"""What clients of a real Samba server drop: into a folder of the server itself, and into one that is mounted.

The hot folder `served` is the server's own disk, watched by notifications; `mounted` is seen through a mount,
where no notification tells what clients do. Output and archive are on the mount.
"""

import os
import signal
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import mattingd_killing
import pytest
from samba import Client, Mount, Samba, mounted, needs_samba

from mattingd.system import clock
from tests.daemon import test_kills
from tests.daemon.harness import pictures
from tests.daemon.harness.crowd import Crowd
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.reader import Reader
from tests.daemon.harness.site import Site, wait_until
from tests.daemon.test_kills import Killer, check_everything
from tests.daemon.test_watching import limited, needs_namespaces

pytestmark = needs_samba
needs_time = pytest.mark.skipif("MATTINGD_FAULTS" not in os.environ, reason="takes long: `make faults`")
MakeSite = Callable[..., Site]
QUICK = {"settle_seconds": 0.3, "rescan_seconds": 5, "poll_seconds": 0.5, "share_seconds": 10}
SIDES = ("served", "mounted")
DECOMPOSED = unicodedata.normalize("NFD", "na\u00efve caf\u00e9")
NAMES = (
    f"{DECOMPOSED}.png",
    "\u65e5\u672c.png",
    "x" * 180 + ".png",
    " two  spaces .png",
    "dots..png",
    "#1 & 50.png",
)
FUTURE, PAST = 4_000_000_000, 315_532_800


@pytest.fixture
def share(tmp_path: Path) -> Iterator[tuple[Samba, Mount]]:
    with mounted(tmp_path) as pair:
        for name in (*SIDES, "out", "archive"):
            (pair[0].share / name).mkdir()
        yield pair


def site_on(make_site: MakeSite, share: tuple[Samba, Mount], **settings: Any) -> Site:
    samba, mount = share
    folders = [samba.share / "served", mount.path / "mounted"]
    site = make_site(
        hot_folders=[
            {"path": str(folder), "name": side} for folder, side in zip(folders, SIDES, strict=True)
        ],
        output_dir=str(mount.path / "out"),
        **({"watch": QUICK} | settings),
    )
    site.hot, site.out = folders, mount.path / "out"
    return site


def check(site: Site, file: Path, label: Label) -> None:
    """One job, one attempt, and the right cut-out."""
    root = next(folder for folder in site.hot if file.is_relative_to(folder))
    name = os.fsencode(file.relative_to(root))
    rows = [row for row in site.rows() if row["path"] == name and row["folder"] == 1 + site.hot.index(root)]
    assert [(row["state"], row["attempts"]) for row in rows] == [("done", 1)], (file, rows)
    assert pictures.read(site.result_of(file).read_bytes()) == label


class Drops:
    """What was dropped, by its path as the daemon sees it."""

    def __init__(self, site: Site, samba: Samba) -> None:
        self.site, self.samba = site, samba
        self.labels: dict[Path, Label] = {}

    def next(self, side: str, name: str) -> bytes:
        """The picture to be dropped under this name."""
        label = Label(len(self.labels) + 1)
        self.labels[self.site.hot[SIDES.index(side)] / name] = label
        return pictures.picture(label.number)


def test_what_clients_drop_is_done_once_and_whole(make_site: MakeSite, share: tuple[Samba, Mount]) -> None:
    """Before the start, slowly, full size first, empty first, by renames, as trees, odd names, in a loop."""
    samba, mount = share
    site = site_on(make_site, share)
    drops = Drops(site, samba)
    with Client(samba.address) as client:
        for side in SIDES:
            client.put(f"{side}\\before.png", drops.next(side, "before.png"))
        site.start()
        slow = [begin(client, drops, side) for side in SIDES]
        for side in SIDES:
            at_once(client, drops, side)
        clock.sleep(1)
        for finish in slow:
            finish()
    blank = [samba.share / "served" / name for name in ("blank.png", "Blank.PNG")]
    for file in blank:
        file.write_bytes(pictures.encode(pictures.blank()))
    site.wait_ended([*drops.labels, *blank], 120)
    for file in blank:
        note = site.out / site.records(file)[0].note
        assert str(file) in note.read_text(encoding="utf-8"), "two names that are one on the share"
    for file, label in drops.labels.items():
        check(site, file, label)
    links = {row["path"] for row in site.rows() if row["state"] == "ignored"}
    assert links <= {b"loop", b"link.png"}
    assert len(site.rows()) == len(drops.labels) + len(blank) + sum(
        row["state"] == "ignored" for row in site.rows()
    )
    watched = [folder["watched"] for folder in site.status()["folders"]]
    assert watched == ["events", "scans"]
    assert site.audit()["gaps"] == []
    assert site.stop() == 0
    assert mount.broken() == []


def begin(client: Client, drops: Drops, side: str) -> Callable[[], None]:
    """Files that are there in part: to be finished by what is returned."""
    half_way, whole_size, empty = (f"{name}.png" for name in ("slow", "explorer", "finder"))
    slow, data = client.open(f"{side}\\{half_way}"), drops.next(side, half_way)
    slow.write(data[: len(data) // 2], 0)
    sized, other = client.open(f"{side}\\{whole_size}"), drops.next(side, whole_size)
    client.set_size(sized, len(other))
    sized.write(other[: len(other) // 2], 0)
    client.open(f"{side}\\{empty}").close()
    late = drops.next(side, empty)

    def finish() -> None:
        slow.write(data[len(data) // 2 :], len(data) // 2)
        slow.close()
        sized.write(other[len(other) // 2 :], len(other) // 2)
        sized.close()
        client.put(f"{side}\\{empty}", late)

    return finish


def at_once(client: Client, drops: Drops, side: str) -> None:
    """Renames, trees, odd names, odd times, links."""
    folder = drops.samba.share / side
    client.put(f"{side}\\upload.png.part", drops.next(side, "upload.png"))
    (folder / "upload.png.part").rename(folder / "upload.png")
    outside = drops.samba.share / f"outside {side}"
    (outside / "deep" / "er").mkdir(parents=True)
    client.put(f"{outside.name}\\deep\\er\\a.png", drops.next(side, "tree/deep/er/a.png"))
    outside.rename(folder / "tree")
    client.put(f"{side}\\tree\\deep\\later.png", drops.next(side, "tree/deep/later.png"))
    for name in NAMES:
        (folder / name).write_bytes(drops.next(side, name))
    for name, when in (("future.png", FUTURE), ("past.png", PAST)):
        (folder / name).write_bytes(drops.next(side, name))
        os.utime(folder / name, (when, when))
    (folder / "loop").symlink_to(folder)
    (folder / "link.png").symlink_to(drops.samba.root / "smb.conf")


@needs_time
def test_killed_at_every_point_with_outputs_on_the_mount(
    make_site: MakeSite, share: tuple[Samba, Mount], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader on the server opens each cut-out as soon as it appears."""
    samba, mount = share
    monkeypatch.setattr(test_kills, "EACH_POINT", 1)
    site = make_site(folders=("in", "more"), output_dir=str(mount.path / "out"))
    site.out = mount.path / "out"
    reader = Reader(samba.share / "out", claims=True)
    reader.start()
    crowd = Crowd(site.hot, tmp_path, seed=3)
    killer = Killer(site, crowd, seed=3)
    while not killer.enough():
        killer.one_life()
    site.start()
    site.wait_ended(crowd.lying, seconds=240)
    assert site.stop() == 0
    reader.end()
    assert set(killer.counts) >= set(mattingd_killing.POINTS)
    assert reader.broken == []
    assert reader.opened > 0
    check_everything(site, crowd)


@needs_time
def test_faults_of_the_server_pass_and_pictures_with_them(
    make_site: MakeSite, share: tuple[Samba, Mount]
) -> None:
    """Full, then read-only; and a file that its client lets nobody else open."""
    samba, _ = share
    with small_disk(samba.share / "out"):
        site = site_on(make_site, share, retention={"min_free_gb": 0})
        drops = Drops(site, samba)
        site.start()
        filler = samba.share / "out" / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as full:
            while True:
                full.write(bytes(1 << 20))
        with Client(samba.address) as client:
            client.put("mounted\\full.png", drops.next("mounted", "full.png"))
            wait_for(site, "full.png")
            filler.unlink()
            site.wait_ended(drops.labels, 120)
            subprocess.run(["mount", "-o", "remount,ro", samba.share / "out"], check=True)
            client.put("served\\locked.png", drops.next("served", "locked.png"))
            wait_for(site, "locked.png")
            subprocess.run(["mount", "-o", "remount,rw", samba.share / "out"], check=True)
            site.wait_ended(drops.labels, 120)
            held = client.open("mounted\\held.png", alone=True)
            held.write(drops.next("mounted", "held.png"), 0)
            clock.sleep(5)
            held.close()
        site.wait_ended(drops.labels, 120)
        for file, label in drops.labels.items():
            assert pictures.read(site.result_of(file).read_bytes()) == label
        assert {row["state"] for row in site.rows()} == {"done"}
        assert site.audit()["gaps"] == []
        assert site.stop() == 0


def wait_for(site: Site, name: str) -> None:
    def waits() -> bool:
        return any(os.fsdecode(row["path"]) == name and row["state"] == "held" for row in site.rows())

    def said() -> bool:
        return waits() or bool(site.events("waiting"))

    wait_until(said, f"{name} waits", 60)


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "mattingd-test", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@needs_time
def test_nothing_is_written_where_the_share_is_not_mounted(
    make_site: MakeSite, share: tuple[Samba, Mount]
) -> None:
    samba, mount = share
    site = site_on(make_site, share)
    drops = Drops(site, samba)
    site.start()
    (samba.share / "mounted" / "first.png").write_bytes(drops.next("mounted", "first.png"))
    site.wait_ended(drops.labels, 60)
    wait_until(lambda: any((samba.share / "out").glob(".mattingd-*-home")), "the output has its marker", 60)
    mount.close()
    point = mount.path.parent.parent
    wait_until(lambda: site.status()["folders"][1]["state"] == "offline", "it was offline", 90)
    (samba.share / "served" / "second.png").write_bytes(drops.next("served", "second.png"))
    wait_until(lambda: any(row["path"] == b"second.png" for row in site.rows()), "it was admitted", 60)
    clock.sleep(3)
    assert list(point.iterdir()) == [], "nothing is written to a bare mount point"
    assert not any(row["state"] in {"withdrawn", "failed"} for row in site.rows())
    again = Mount(samba, point.parent.parent / "client again", point)
    try:
        again.wait()
        wait_until(lambda: site.status()["folders"][1]["state"] == "online", "it was back", 120)
        site.wait_ended(drops.labels, 120)
        for file, label in drops.labels.items():
            check(site, file, label)
        assert site.stop() == 0
    finally:
        again.close()


@needs_time
def test_a_read_only_mount_as_hot_folder_and_groups_and_modes_on_another(
    make_site: MakeSite, share: tuple[Samba, Mount], tmp_path: Path
) -> None:
    samba, mount = share
    out, read_only = samba.share / "out", tmp_path / "read only"
    os.chown(out, -1, 12345)
    out.chmod(0o2775)
    read_only.mkdir()
    subprocess.run(["mount", "--bind", mount.path / "mounted", read_only], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", read_only], check=True)
        rights = {"file_mode": "0664", "folder_mode": "2775"}
        site = make_site(
            hot_folders=[{"path": str(read_only)}],
            output_dir=str(mount.path / "out"),
            watch=QUICK,
            output_files=rights,
        )
        site.hot, site.out = [read_only], mount.path / "out"
        (samba.share / "mounted" / "a.png").write_bytes(pictures.picture(1))
        before = (samba.share / "mounted" / "a.png").stat()
        site.start()
        site.wait_ended([read_only / "a.png"], 60)
        made = samba.share / "out" / site.result_of(read_only / "a.png").relative_to(site.out)
        assert pictures.read(made.read_bytes()) == Label(1)
        assert made.stat().st_gid == made.parent.stat().st_gid == 12345
        assert made.stat().st_mode & 0o777 == 0o664
        after = (samba.share / "mounted" / "a.png").stat()
        assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
        assert os.listdir(samba.share / "mounted") == ["a.png"]  # noqa: PTH208
        assert site.stop() == 0
    finally:
        subprocess.run(["umount", "--lazy", read_only], check=True)


@needs_time
def test_two_daemons_on_the_same_folders_spoil_nothing(
    make_site: MakeSite, share: tuple[Samba, Mount]
) -> None:
    """None replaces what the other made, nor stops the mount; each names the other.

    A cut-out that is there byte for byte is not made twice.
    """
    samba, mount = share
    sites = [site_on(make_site, share) for _ in range(2)]
    drops = Drops(sites[0], samba)
    processes = [site.start() for site in sites]
    with Client(samba.address) as client:
        for number in range(12):
            side, name = SIDES[number % 2], f"{number}.png"
            client.put(f"{side}\\{name}", drops.next(side, name))
    for site in sites:
        site.wait_ended(drops.labels, 120)
        assert {row["state"] for row in site.rows()} == {"done"}
    made = [path for path in (samba.share / "out").rglob("*.png") if not path.name.startswith(".")]
    assert len(made) == len(drops.labels)
    for site in sites:
        for file, label in drops.labels.items():
            check(site, file, label)
        assert site.audit()["gaps"] == []
    for site, other in zip(sites, reversed(processes), strict=True):
        name = f"process {other.pid} on "
        wait_until(lambda: name in (site.status()["others"] or ""), f"{name}was seen", 180)  # noqa: B023
        assert site.events("offline") == []
    assert [site.stop() for site in sites] == [0, 0]
    assert mount.broken() == []


@needs_time
@needs_namespaces
def test_beyond_the_limit_of_notifications_what_clients_drop_is_found(
    make_site: MakeSite, share: tuple[Samba, Mount]
) -> None:
    samba, _ = share
    site = site_on(make_site, share, watch=QUICK | {"rescan_seconds": 1})
    drops = Drops(site, samba)
    site.start(limited(1))
    with Client(samba.address) as client:
        (samba.share / "served" / "sub" / "deep").mkdir(parents=True)
        client.put("served\\sub\\deep\\a.png", drops.next("served", "sub/deep/a.png"))
        site.wait_ended(drops.labels, 60)
        client.put("served\\sub\\deep\\b.png", drops.next("served", "sub/deep/b.png"))
    site.wait_ended(drops.labels, 60)
    for file, label in drops.labels.items():
        check(site, file, label)
    assert site.stop() == 0


@needs_time
@pytest.mark.parametrize("ends", ["late", "never"])
def test_a_kill_between_claim_and_rename_leaves_no_empty_file(
    make_site: MakeSite, tmp_path: Path, ends: str
) -> None:
    """On a share that can neither refuse to replace nor link: its rename comes late, or never."""
    from faulty_share import FaultyShare  # noqa: PLC0415 - needs fuse3 only

    with FaultyShare(tmp_path / ends) as share:
        (share.behind / "out").mkdir()
        site = make_site(output_dir=str(share.path / "out"), watch=QUICK)
        site.out = share.path / "out"
        site.start()
        share.tell(hang=("rename",), abilities=())
        file = site.hot[0] / "a.png"
        file.write_bytes(pictures.picture(1))
        out = share.behind / "out"
        wait_until(lambda: any(out.rglob("a.png")), "the name was claimed", 60)
        assert next(out.rglob("a.png")).stat().st_size == 0
        workers = site.children()["worker"]
        site.kill()
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        errors = {} if ends == "late" else {"rename": "EIO"}
        share.tell(errors=errors, times=1, abilities=())
        site.start()
        site.wait_ended([file], 90)
        made = {path.name: path for path in out.rglob("*") if path.is_file() and "-home" not in path.name}
        assert list(made) == ["a.png"]
        assert pictures.read(made["a.png"].read_bytes()) == Label(1)
        assert site.audit()["gaps"] == []
        assert site.stop() == 0
