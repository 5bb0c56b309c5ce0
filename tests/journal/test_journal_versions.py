"""A journal of an earlier version goes on as if it had always been one of this: with a copy before."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mattingd.domain.presets import Preset
from mattingd.journal import JournalError, reading
from mattingd.journal.schema import JOB_COLUMNS, VERSION
from tests.journal.journals import admitted, opened, publish

EARLIER = range(1, VERSION)


def of_version(version: int, path: Path) -> None:
    """A journal as that version left it, with a published, a failed and a waiting picture."""
    presets = '[{"despill": "green"}]' if version > 2 else '{"despill": "green"}'
    schema = (Path(__file__).parent / f"journal_version_{version}.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{schema}PRAGMA user_version={version};")
        db.execute("INSERT INTO recipes VALUES ('as ever', ?)", (presets,))
        db.commit()
        db.executescript(
            "INSERT INTO meta VALUES ('instance', '0badcafe'), ('clean', '1');"
            "INSERT INTO folders (root) VALUES ('/in');"
            "INSERT INTO jobs (folder, path, size, mtime_ns, current, live, state, recipe, drop_name, note,"
            " admitted_batches, admitted_at, ended_at) VALUES"
            " (1, x'61', 1, 1, 1, 0, 'done', 'as ever', '2026-11-20-1', 'n', 0, 'then', 'then'),"
            " (1, x'62', 1, 1, 1, 0, 'failed', 'as ever', '2026-11-20-1', 'n', 0, 'then', 'then'),"
            " (1, x'63', 1, 1, 1, 1, 'queued', 'as ever', '2026-11-20-1', 'n', 0, 'then', NULL);"
            "INSERT INTO outputs"
            " (job, ordinal, path, folded, base, version, extension, sha256, size, published) VALUES"
            " (1, 0, 'a.png', 'a.png', 'a', 1, '.png', x'00', 4, 1);"
        )


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Columns and indexes of every table."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
        return found | {
            "indexes": db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'").fetchall()
        }


@pytest.mark.parametrize("version", EARLIER)
def test_an_earlier_version_becomes_the_present_one(tmp_path: Path, version: int) -> None:
    path, fresh = tmp_path / "checkpoint.db", tmp_path / "fresh.db"
    of_version(version, path)
    opened(fresh).close()
    with opened(path) as journal:
        assert journal.instance == "0badcafe"
        (waiting,) = journal.live()
        assert waiting.recipe.presets == (Preset(despill="green"),)
        assert version > 4 or journal.is_named(1, alone=True), "cut-outs go on where earlier ones lie"
        assert not journal.is_named(journal.folder_id(b"/new"), alone=True)
        publish(journal, admitted(journal, b"d.jpg"))
    now, wanted = shape(path), shape(fresh)
    assert {name: sorted(found, key=str) for name, found in now.items()} == {
        name: sorted(found, key=str) for name, found in wanted.items()
    }
    assert [column[1] for column in now["jobs"]] == list(JOB_COLUMNS), "rows are read by position"
    with reading(path) as ledger:
        assert ledger.states() == {"done": 2, "failed": 1, "queued": 1}
        assert [made.path for made in ledger.made()] == ["a.png", "2026-11-20/in/d.png"]


@pytest.mark.parametrize("version", range(1, 7))
def test_of_drops_that_had_ended_before_nothing_is_reported(tmp_path: Path, version: int) -> None:
    of_version(version, path := tmp_path / "checkpoint.db")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE jobs SET drop_name = '2026-11-20-2' WHERE state = 'queued'")
    opened(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name, reported FROM drops").fetchall() == [("2026-11-20-1", 1)]


def test_who_went_back_to_an_earlier_version_is_told_of_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.db"
    opened(path).close()
    shutil.copy(path, kept := tmp_path / f"checkpoint.db.version-{VERSION}")
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    shutil.copy(path, tmp_path / "checkpoint.db.2026-11-21")
    with pytest.raises(JournalError, match=rf"with the newest copy: .* cp {kept} {path}"):
        opened(path)


@pytest.mark.parametrize("version", EARLIER)
def test_the_version_before_is_kept_as_a_copy(tmp_path: Path, version: int) -> None:
    path = tmp_path / "checkpoint.db"
    of_version(version, path)
    with (
        pytest.raises(JournalError, match=rf"earlier mattingd \(journal version {version}.*keeps a copy"),
        reading(path),
    ):
        pass
    opened(path).close()
    copy = tmp_path / f"checkpoint.db.version-{version}"
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (3,)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    before = copy.stat().st_mtime_ns
    opened(path).close()
    assert copy.stat().st_mtime_ns == before, "only the first opening has something to do"
