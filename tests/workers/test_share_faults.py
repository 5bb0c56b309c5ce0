"""Publishing on a share that fails for a moment, or cannot do what disks can."""

import errno
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faulty_share import ABILITIES, FaultyShare, needs_fuse

from mattingd.core.output_paths import place
from mattingd.domain.artifacts import Permissions
from mattingd.domain.commands import DoChore, Publish, WorkerConfig
from mattingd.domain.events import ChoreDone, Fact, Faulted, Published
from mattingd.domain.jobs import Chore, Fault, Geometry, Output, PictureLimits
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats.encode import File
from mattingd.outputs.error_notes import note_text
from mattingd.system.filesystem import Disk
from mattingd.workers.picture_worker import Worker
from mattingd.workers.trouble import PASSING, Trouble

pytestmark = needs_fuse
CONTENT = b"a whole cut-out"
PATH = "2026-11-20/shoe.png"


@pytest.fixture(scope="module")
def mount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyShare]:
    with FaultyShare(tmp_path_factory.mktemp("faults")) as share:
        yield share


@pytest.fixture
def share(mount: FaultyShare) -> Iterator[FaultyShare]:
    """With an output folder `out` that is empty."""
    mount.tell()
    folder = mount.behind / f"out{len(list(mount.behind.iterdir()))}"
    folder.mkdir()
    yield mount
    mount.tell()


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: int(path.name[3:]))


def worker_on(share: FaultyShare, permissions: Permissions = Permissions()) -> Worker:  # noqa: B008
    return worker_in(share.path / newest(share.behind).name, "x", permissions)


def worker_in(root: Path, instance: str, permissions: Permissions = Permissions()) -> Worker:  # noqa: B008
    limits, net = PictureLimits(), Geometry(416, 32)
    config = WorkerConfig(0, {}, str(root), instance, limits, net, permissions=permissions)
    return Worker(config, Disk())


def prepared(worker: Worker) -> Publish:
    """The order to publish a file that was written as the worker does it."""
    wanted = Output(0, place("2026-11-20/shoe", 1, ".png"))
    temp = worker._files.temp(7, wanted)
    written = worker._files._written(temp, wanted, CONTENT)
    digest = hashlib.sha256(written).digest()
    return Publish(0, 7, (Output(0, wanted.place, os.path.basename(temp), digest, len(written)),))  # noqa: PTH119


def published(worker: Worker, order: Publish) -> Fact:
    answer = worker.perform(order, None)
    assert answer is not None
    return answer[0]


def test_pictures_of_the_same_name_on_a_share_have_a_note_each(share: FaultyShare) -> None:
    """On shares and Macs `shoe.PNG` is `shoe.png`. A second failure of a picture replaces its own note."""
    worker, note = worker_on(share), "_failed/shoe.png.error.txt"
    for abilities in (ABILITIES, ()):
        share.tell(abilities=abilities)
        for code in ("no_subject", "empty_file"):
            for job, name in enumerate((b"shoe.png", b"shoe.PNG")):
                order = DoChore(0, job, Chore.NOTE, (), (note,), 1, name, Reason.of(code))
                answer = worker.perform(order, None)
                assert answer is not None
                other = "" if job == 0 else "_failed/shoe.png (2).error.txt"
                assert answer[0] == ChoreDone(0, job, Chore.NOTE, where=other)
        expected = {
            note: note_text(b"shoe.png", Reason.of("empty_file")),
            "_failed/shoe.png (2).error.txt": note_text(b"shoe.PNG", Reason.of("empty_file")),
        }
        assert lying(share) == expected


def lying(share: FaultyShare) -> dict[str, bytes]:
    root = newest(share.behind)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("operation", ["rename", "create", "write", "open"])
@pytest.mark.parametrize("error", sorted(errno.errorcode[number] for number in PASSING))
def test_what_passes_at_once_is_done_again_at_once(share: FaultyShare, operation: str, error: str) -> None:
    worker = worker_on(share)
    order = prepared(worker)
    share.tell(errors={operation: error}, times=1)
    assert isinstance(published(worker, order), Published)
    assert lying(share) == {PATH: CONTENT}


@pytest.mark.parametrize("operation", ["create", "write", "rename"])
@pytest.mark.parametrize("error", ["ENOSPC", "EACCES", "EROFS", "ESTALE"])
def test_what_lasts_makes_the_picture_wait_and_nothing_is_lost(
    share: FaultyShare, operation: str, error: str
) -> None:
    """After that the scheduler tries again, ever more rarely."""
    worker = worker_on(share)
    order = prepared(worker)
    share.tell(errors={operation: error})
    if operation == "rename":
        fact = published(worker, order)
        assert isinstance(fact, Faulted)
        assert fact.fault in {Fault.PLACE, Fault.OUTPUT}
    else:
        with pytest.raises(Trouble) as told:
            worker._files.write(8, Output(0, place("other/hat", 1, ".png")), File(CONTENT, "png", 1, 1))
        assert told.value.fault in {Fault.PLACE, Fault.OUTPUT}
    share.tell()
    assert isinstance(published(worker, order), Published)
    assert lying(share)[PATH] == CONTENT


def test_a_final_that_cannot_be_read_for_a_moment_gets_no_second_version(share: FaultyShare) -> None:
    """Its publication was interrupted after the rename; then the share fails until all tries are over."""
    worker = worker_on(share)
    order = prepared(worker)
    assert isinstance(published(worker, order), Published)
    share.tell(errors={"open": "EIO"})
    assert isinstance(published(worker, order), Faulted)
    share.tell()
    assert isinstance(published(worker, order), Published)
    assert lying(share) == {PATH: CONTENT}


@pytest.mark.parametrize("missing", [*ABILITIES, "all"])
def test_what_a_share_cannot_do_is_done_without(share: FaultyShare, missing: str) -> None:
    """Refuse to replace, link, sync, and set modes and owners."""
    share.tell(abilities=tuple(each for each in ABILITIES if missing not in {each, "all"}))
    worker = worker_on(share, Permissions(gid=os.getgid(), file_mode=0o640, folder_mode=0o750))
    order = prepared(worker)
    assert isinstance(published(worker, order), Published)
    assert lying(share) == {PATH: CONTENT}


def test_nothing_is_replaced_where_the_share_cannot_refuse_to(share: FaultyShare) -> None:
    share.tell(abilities=())
    worker = worker_on(share)
    order = prepared(worker)
    (newest(share.behind) / PATH).write_bytes(b"of another program")
    assert not isinstance(published(worker, order), Published)
    assert lying(share)[PATH] == b"of another program"


@pytest.mark.parametrize("abilities", [ABILITIES, ()], ids=["before its rename", "after its claim"])
def test_the_same_from_another_daemon_at_the_same_moment_has_one_name_and_leaves_nothing(
    share: FaultyShare, abilities: tuple[str, ...]
) -> None:
    """One works on the server itself, the other through the mount, where its rename is late."""
    late, early = worker_on(share), worker_in(newest(share.behind), "y")
    orders = [prepared(late), prepared(early)]
    share.tell(hang=("rename",), abilities=abilities)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(published, late, orders[0])
        share.wait_hung()
        second = threads.submit(published, early, orders[1])
        if abilities:
            assert isinstance(second.result(), Published)
        share.tell(abilities=abilities)
        assert isinstance(second.result(), Published)
        assert isinstance(first.result(), Published)
    assert lying(share) == {PATH: CONTENT}


def test_owner_and_mode_are_as_configured_and_a_folder_hands_its_group_down(share: FaultyShare) -> None:
    root = newest(share.behind)
    os.chown(root, -1, 12345)
    root.chmod(0o2775)
    worker = worker_on(share, Permissions(file_mode=0o664, folder_mode=0o775))
    assert isinstance(published(worker, prepared(worker)), Published)
    folder, file = (root / PATH).parent.stat(), (root / PATH).stat()
    assert (folder.st_mode & 0o7777, file.st_mode & 0o7777) == (0o2775, 0o664)
    assert (folder.st_gid, file.st_gid) == (12345, 12345)
    worker = worker_on(share, Permissions(uid=4321, gid=1234, file_mode=0o600))
    other = Output(0, place("hat", 1, ".png"))
    worker._files._written(temp := worker._files.temp(9, other), other, CONTENT)
    status = Path(temp).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (4321, 1234, 0o600)
