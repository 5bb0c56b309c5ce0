"""What no person dropped: never cut out, moved or deleted, and always to be found in a list."""

import json
from pathlib import Path

import yaml

from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until

FILES = (
    ".~tmp~/shoe.png", ".snapshots/1/shoe.png", ".dtrash/files/shoe.png", "@eaDir/shoe.png/THUMB.png",
    "(A Document Being Saved By Photoshop)/shoe.png", "._shoe.png", ".shoe.png.aB3dEf", "shoe.png~",
    "shoe.png.5f3a9c1e.partial", "shoe.png_original", "Icon\r", "sub/Icon\r", "sub/.hidden/deep/shoe.png",
    "~$list.png", "__MACOSX/shoe.png", "Thumbs.db",
)  # fmt: skip


def originals_are_deleted(site: Site) -> None:
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    document["hot_folders"] = [{"path": str(site.hot[0]), "originals": "delete"}]
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")


def gone(path: Path) -> None:
    wait_until(lambda: not path.exists(), f"{path.name} is deleted, since its cut-out stands")


def test_what_no_person_dropped_is_neither_cut_out_nor_deleted(site: Site) -> None:
    originals_are_deleted(site)
    theirs = [people.save(site.hot[0] / name, pictures.picture(3)) for name in FILES]
    site.start()
    more = [people.save(site.hot[0] / f"later/{name}", pictures.picture(4)) for name in FILES]
    dropped = people.save(site.hot[0] / "CVS" / "witness.png", pictures.picture(30))
    gone(dropped)
    site.ask("rescan")
    gone(people.save(site.hot[0] / "later" / "second.png", pictures.picture(31)))
    assert all(path.exists() for path in theirs + more)
    assert [path.name for path in site.results()] == ["witness.png", "second.png"]
    assert {row["path"] for row in site.rows()} == {b"CVS/witness.png", b"later/second.png"}
    assert list(site.out.rglob("*.error.txt")) == []
    assert site.audit()["gaps"] == []


def test_what_is_not_surely_a_dropped_picture_is_never_deleted(site: Site) -> None:
    originals_are_deleted(site)
    site.start()
    unsure = people.save(site.hot[0] / "no ending", pictures.picture(5))
    sure = people.save(site.hot[0] / "sure.png", pictures.picture(6))
    site.wait_ended([unsure])
    gone(sure)
    assert unsure.exists()
    assert site.records(unsure)[0].state == "done"
    assert site.audit()["present"] == 2


def test_everything_passed_over_is_counted_and_listed(site: Site) -> None:
    for name in FILES:
        people.save(site.hot[0] / name, pictures.picture(3))
    site.start()
    tops = {
        "/".join(Path(name).parts[:2]) if name.startswith("sub") else Path(name).parts[0] for name in FILES
    }
    assert site.status()["folders"][0]["passed_over"] == len(tops) == 16
    (line,) = site.events("passed over")
    assert line["number"] == len(tops)
    assert site.audit()["passed_over"] == len(tops)
    told = json.loads(site.command("history", "--ignored", "--json").stdout)
    assert {each["file"] for each in told} == {name.replace("\r", "\\r") for name in tops}
    assert all(each["state"] == "passed over" and each["reason"] for each in told)
    shown = site.command("history", "--ignored", "--limit", "3").stdout
    assert shown.count("passed over  in/") == 3
    assert "3 of 16 that are passed over" in shown
