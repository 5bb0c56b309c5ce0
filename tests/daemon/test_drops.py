"""Drops with a real daemon: what people are given of each when it has ended, whatever happens meanwhile."""

import csv
import io
import json
import os
import re
import sqlite3
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import yaml
from PIL import Image
from receivers import WebReceiver, free_port

from mattingd.notices.signing import signature
from mattingd.reports import sheet
from tests.daemon.harness.pictures import picture
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]
SOAKING = "MATTINGD_SOAK" in os.environ
PICTURES, BAD, FOLDERS = (493, 7, 30) if SOAKING else (37, 3, 5)
ALL = {"tables": True, "sheet_pictures": 1000, "zip": True}
ODD_NAMES = ("=1+1.png", "a, b.png", 'say "hello".png', "two\nlines.png", "@home.png")


def site_with_reports(make_site: MakeSite, **more: Any) -> Site:
    return make_site(
        watch={"drop_seconds": 20 if SOAKING else 2, "truncated_minutes": 0}, reports=ALL, **more
    )


def fill(site: Site, pictures: int, bad: int, folders: int) -> list[Path]:
    """Pictures in sub-folders, some with names that tables mistake, and some that cannot be read."""
    files = []
    for number in range(pictures + bad):
        folder = site.hot[0] / f"set {number % folders}"
        folder.mkdir(exist_ok=True)
        name = ODD_NAMES[number] if number < len(ODD_NAMES) else f"p{number}.png"
        content = picture(number) if number < pictures else hostile.encoded("PNG")[:-40] + b"x" * 40
        (folder / name).write_bytes(content)
        files.append(folder / name)
    return files


def reports(site: Site) -> list[Path]:
    return sorted(path for path in site.out.glob("*/_reports/*") if path.is_file())


def wait_reported(site: Site, drops: int = 1, seconds: float = 60) -> None:
    def reported() -> bool:
        with closing(sqlite3.connect(f"file:{site.state}/checkpoint.db?mode=ro", uri=True)) as journal:
            (number,) = journal.execute("SELECT count(*) FROM drops WHERE reported").fetchone()
            return bool(number == drops)

    with site.explained():
        wait_until(reported, "the report was made", seconds)


def agreeing(site: Site, done: int, failed: int, pages: int) -> None:
    """Report, table, sheet, ZIP and audit say the same."""
    (as_json,) = (path for path in reports(site) if path.suffix == ".json")
    (as_csv,) = (path for path in reports(site) if path.suffix == ".csv")
    told = json.loads(as_json.read_text(encoding="utf-8"))
    rows = list(csv.DictReader(io.StringIO(as_csv.read_text(encoding="utf-8-sig"), newline="")))
    counts = {"done": done, "failed": failed}
    assert told["counts"] == counts
    assert Counter(each["state"] for each in told["pictures"]) == counts
    assert Counter(row["state"] for row in rows) == counts
    assert [row["in"].removeprefix("'") for row in rows] == [each["in"] for each in told["pictures"]]
    assert not any(row["in"].startswith(("=", "@")) for row in rows)
    for each in told["pictures"]:
        assert all((site.out / output).is_file() for output in [*each["out"], each["note"] or "."][:1])
        assert each["reasons"] if each["state"] == "failed" else each["sha256"]
    (bundle,) = (path for path in reports(site) if path.suffix == ".zip")
    with zipfile.ZipFile(bundle) as file:
        assert file.testzip() is None
        assert len(file.namelist()) == done
        assert all(name.startswith("set ") for name in file.namelist())
    sheets = [path for path in reports(site) if path.suffix == ".jpg"]
    assert len(sheets) == pages
    result = site.audit()
    assert (result["counts"]["done"], result["counts"]["failed"]) == (done, failed)
    assert (result["present"], result["reports"], result["reports_gone"]) == (done, len(reports(site)), 0)
    assert site.temps() == []


def test_report_table_sheet_zip_and_audit_agree_in_every_count(make_site: MakeSite) -> None:
    site = site_with_reports(make_site)
    document, status = yaml.safe_load(site.config.read_text()), site.hot[0] / "_STATUS.txt"
    document["hot_folders"][0]["status_file"] = True
    receiver = WebReceiver(free_port(), ["500"])
    document["notices"] = {"webhook_url": receiver.url}
    told = site.root / "told"
    record = f"import sys; open({str(told)!r}, 'ab').write(sys.stdin.buffer.read())"
    document["hooks"] = {"on_failed": [sys.executable, "-c", record]}
    site.config.write_text(yaml.safe_dump(document))
    files = fill(site, pictures=PICTURES, bad=BAD, folders=FOLDERS)
    with receiver.listening():
        site.start(environment={"MATTINGD_WEBHOOK_SECRET": "correct horse"})
        site.wait_ended(files, seconds=600)
        wait_reported(site, seconds=600)
        agreeing(site, done=PICTURES, failed=BAD, pages=-(-(PICTURES + BAD) // sheet.PER_PAGE))
        with site.explained():
            wait_until(lambda: bool(receiver.taken), "the digest was taken")
    ((headers, body),) = receiver.taken
    digest = json.loads(body)
    assert headers["X-Mattingd-Signature"] == signature("correct horse", body)
    assert digest["counts"] == {"done": PICTURES, "failed": BAD}
    named = sorted(f"{site.hot[0]}/{each['in']}" for each in digest["failed"])
    assert named == sorted(str(file) for file in files[PICTURES:])
    assert sorted(digest["reports"]) == [str(path) for path in reports(site)]
    hooked = [json.loads(line)["in"] for line in told.read_text().splitlines()]
    assert sorted(hooked) == sorted(str(file) for file in files[PICTURES:])
    assert "correct horse" not in site.log_tail(1_000_000)
    with site.explained():
        wait_until(lambda: status.is_file() and "cut out now" not in status.read_text(), "the status told it")
    (day,) = {path.parent.parent for path in reports(site)}
    assert re.search(rf"^Finished: +{PICTURES} .*{re.escape(str(day))}\)", status.read_text(), re.MULTILINE)
    assert re.search(rf"^Not finished: +{BAD}\.", status.read_text(), re.MULTILINE)
    for file in files[PICTURES:]:
        assert f"  {file.relative_to(site.hot[0])}\n" in status.read_text()
        file.unlink()
    wait_until(lambda: not status.exists(), "it had gone, since there was nothing to say")
    assert len(site.rows()) == len(files), "the file was no picture to the daemon"
    first = np.asarray(Image.open(next(path for path in reports(site) if "sheet-1" in path.name)))
    assert first.shape[1] == sheet.WIDTH
    failed, done = (
        first[sheet.MARGIN + sheet.HEAD + 100, sheet.MARGIN + column * (sheet.CELL_WIDTH + sheet.BETWEEN) + 4]
        for column in (0, 1)
    )
    assert np.abs(failed.astype(int) - sheet.PALE).max() < 8, "failures come first, without a picture"
    assert np.abs(done.astype(int) - sheet.PALE).max() < 8
    assert site.stop() == 0


def test_a_kill_before_the_report_costs_nothing_and_a_notice_that_hangs_holds_up_no_picture(
    make_site: MakeSite,
) -> None:
    receiver = WebReceiver(free_port(), ["slow"])
    site = site_with_reports(make_site, notices={"webhook_url": receiver.url, "seconds": 100})
    files = fill(site, pictures=6, bad=1, folders=1)
    site.start()
    site.wait_ended(files)
    wait_until(lambda: bool(site.events("drop")), "the drop had ended")
    site.kill()
    assert reports(site) == []
    with receiver.listening():
        site.start()
        wait_reported(site)
        agreeing(site, done=6, failed=1, pages=1)
        wait_until(lambda: receiver.attempts == 1, "its notice was on the way")
        late = site.hot[0] / "late.png"
        late.write_bytes(picture(99))
        site.wait_ended([late])
        assert receiver.taken == [], "the notice hangs, and the picture is done"
        receiver.released.set()
        wait_reported(site, drops=2)
        with site.explained():
            wait_until(lambda: len(receiver.taken) == 2, "both notices had arrived")
        assert site.stop() == 0
    told = [json.loads(body) for _, body in receiver.taken]
    assert [each["counts"] for each in told] == [{"done": 6, "failed": 1}, {"done": 1}]
    assert len({each["id"] for each in told}) == 2
