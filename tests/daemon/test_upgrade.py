"""An installation of the version before the move into packages goes on where it was killed."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from mattingd.runtime.launch import JOURNAL
from tests.daemon.conftest import MakeSite
from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site

BEFORE = Path(__file__).parent / "before_the_move"
"""See the README there."""
PUBLISHED = ("2026-11-29/in/3.png", "2026-11-29/in/6.png", "2026-11-29/in/8.png")


def restore(site: Site) -> None:
    """Put everything where that version left it."""
    shutil.copyfile(BEFORE / "config.yaml", site.config)
    shutil.copytree(BEFORE / "in", site.hot[0], dirs_exist_ok=True)
    shutil.copytree(BEFORE / "out", site.out, dirs_exist_ok=True)
    sql = (BEFORE / "journal.sql").read_text(encoding="utf-8")
    for place, path in (("@HOT_FOLDER@", site.hot[0]), ("@OUTPUT@", site.out)):
        sql = sql.replace(place, os.fsencode(path).hex())
    with closing(sqlite3.connect(site.state / JOURNAL)) as db:
        db.executescript(sql)
        for path, mtime_ns in db.execute("SELECT path, mtime_ns FROM jobs"):
            os.utime(site.hot[0] / os.fsdecode(path), ns=(mtime_ns, mtime_ns))


def test_an_installation_from_before_goes_on_in_the_midst_of_its_queue(make_site: MakeSite) -> None:
    site = make_site()
    restore(site)
    before = {name: (site.out / name).read_bytes() for name in PUBLISHED}
    site.start()
    new = people.save(site.hot[0] / "new.png", pictures.picture(77))
    files = [*site.hot[0].glob("*.png"), site.hot[0] / "notes.txt"]
    site.wait_ended(files)
    assert {name: (site.out / name).read_bytes() for name in PUBLISHED} == before
    for number in range(10):
        (record,) = site.records(site.hot[0] / f"{number}.png")
        assert (record.state, record.outputs) == ("done", (f"2026-11-29/in/{number}.png",))
        assert pictures.read((site.out / record.outputs[0]).read_bytes()) == Label(number)
    assert pictures.read(site.result_of(new).read_bytes()) == Label(77)
    assert len(site.results()) == 11
    (failed,) = site.records(site.hot[0] / "blank.png")
    assert failed.state == "failed"
    assert "What to do" in (site.out / failed.note).read_text(encoding="utf-8")
    assert [record.state for record in site.records(site.hot[0] / "notes.txt")] == ["ignored"]
    assert site.stop() == 0
    result = site.audit()
    assert (result["seen"], result["gaps"], result["unseen"], result["present"]) == (13, [], 0, 11)
