"""approve: what was looked at is ticked off, with a daemon, without one, and after `process`."""

from collections.abc import Callable
from pathlib import Path

import hostile

from tests.cli.conftest import Answer, here, run
from tests.daemon.harness.site import Site

MakeSite = Callable[..., Site]
DOUBTFUL = hostile.encoded()[:-2]
"""A picture whose cut-out is published and needs a look: its end marker is missing."""


def asked(site: Site, *arguments: object) -> Answer:
    return here(*arguments, "--config", site.config)


def listed(site: Site) -> list[str]:
    return [job["file"] for job in asked(site, "history", "--needs-look", "--json").json]


def dropped(site: Site, *names: str) -> list[Path]:
    files = [site.hot[0] / name for name in names]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(DOUBTFUL)
    return files


def test_what_was_looked_at_is_listed_no_longer_until_a_newer_version(make_site: MakeSite) -> None:
    """Whoever runs: the words and what is kept are the same. A daemon killed at once has it all the same."""
    site = make_site(watch={"truncated_minutes": 0})
    a, b, c = files = dropped(site, "a.jpg", "b.jpg", "more/c.jpg")
    site.start()
    site.wait_ended(files)
    assert sorted(listed(site)) == ["a.jpg", "b.jpg", "more/c.jpg"]
    assert asked(site, "approve", a).out == "in/a.jpg: approved\n"
    site.kill()
    assert sorted(listed(site)) == ["b.jpg", "more/c.jpg"]
    assert "approved on " in asked(site, "status", a).out
    assert asked(site, "approve", "--undo", a).out == "in/a.jpg: not approved any more\n"
    assert asked(site, "approve", site.result_of(b), site.hot[0] / "more").out == (
        "in/b.jpg: approved\nin/more/c.jpg: approved\n"
    )
    site.start()
    assert listed(site) == ["a.jpg"]
    drop = site.rows()[0]["drop_name"]
    assert asked(site, "approve", "--drop", "1999-01-01-1").out == "nothing there needs a look\n"
    assert asked(site, "approve", "--drop", drop, "--json").json == {
        "files": [{"file": str(a), "granted": True, "said": "approved"}]
    }
    assert asked(site, "approve", "--all").out == "nothing there needs a look\n"
    c.write_bytes(hostile.encoded(marker=(40, 90, 160))[:-2])
    site.wait_ended([c])
    assert listed(site) == ["more/c.jpg"], "the newer version was not looked at"
    assert asked(site, "approve", "--all").code == 0
    assert listed(site) == []
    site.audit()


def test_what_cannot_be_approved_is_said(make_site: MakeSite) -> None:
    site = make_site()
    blank = site.hot[0] / "blank.png"
    blank.write_bytes(hostile.blank())
    site.start()
    site.wait_ended([blank])
    refused = asked(site, "approve", blank)
    assert (refused.code, refused.out) == (1, "in/blank.png: it has no cut-out to look at\n")
    site.stop()
    assert asked(site, "approve", blank).out == refused.out
    unknown = asked(site, "approve", "in/nosuch.png")
    assert (unknown.code, unknown.out) == (2, "")
    for nothing in ([], ["--all", blank], ["--all", "--drop", "1"]):
        assert (
            "name pictures, or a drop with --drop, or everything with --all"
            in asked(site, "approve", *nothing).err
        )
    none = here("approve", "--all", "-o", site.root)
    assert (none.code, none.err) == (
        2,
        f"mattingd: {site.root}: `mattingd process` has put no cut-outs there\n",
    )


def test_process_names_what_needs_a_look_until_it_is_approved(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "in" / name).write_bytes(DOUBTFUL)

    def doubtful() -> list[str]:
        told = run("process", "in", "-o", "out", "--json", cwd=tmp_path).json
        return [each["file"] for each in told["needs_look"]]

    assert doubtful() == ["a.jpg", "b.jpg"]
    assert doubtful() == ["a.jpg", "b.jpg"], "the second run has not forgotten"
    assert run("approve", "-o", "out", "out/a.png", cwd=tmp_path).out == "a.jpg: approved\n"
    assert doubtful() == ["b.jpg"]
    assert run("approve", "-o", "out", "b.jpg", cwd=tmp_path).out == "b.jpg: approved\n"
    assert doubtful() == []
    assert (
        run("approve", "-o", "out", "--all", "--undo", cwd=tmp_path).out.count("not approved any more") == 2
    )
    assert doubtful() == ["a.jpg", "b.jpg"]
