"""Sorting by hand: a picture that is moved within its hot folder keeps its cut-out."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site

MakeSite = Callable[..., Site]


def states(site: Site, path: Path) -> list[str]:
    return [record.state for record in site.records(path)]


def test_moved_or_renamed_in_case_only_it_keeps_its_cut_out(make_site: MakeSite) -> None:
    """With the usual rest of a file: that one has left is told half a second later than that one has come."""
    site = make_site(watch={"settle_seconds": 1, "rescan_seconds": 2})
    site.start()
    shoe = people.save(site.hot[0] / "Shoe.PNG", pictures.picture(1))
    site.wait_ended([shoe])
    cut_out = site.result_of(shoe)
    (site.hot[0] / "chosen").mkdir()
    for place in ("chosen/Shoe.PNG", "chosen/shoe.png", "shoe.png"):
        before, shoe = shoe, shoe.rename(site.hot[0] / place)
        site.wait_ended([shoe])
        assert states(site, before) == []
        assert states(site, shoe)[0] == "unchanged"
        assert os.path.relpath(before, site.hot[0]) in site.records(shoe)[0].reason
    assert states(site, shoe) == ["unchanged"] * 3 + ["done"], "all of its past went with it"
    assert site.results() == [cut_out]
    assert str(cut_out) in site.command("status", str(shoe)).stdout
    assert site.audit()["present"] == 1
    people.save(shoe, pictures.picture(1, 1))
    site.wait_ended([shoe])
    assert states(site, shoe)[0] == "done"
    assert pictures.read(site.result_of(shoe).read_bytes()) == pictures.Label(1, 1)


def test_it_is_followed_while_the_daemon_is_off_and_over_a_kill(site: Site) -> None:
    site.start()
    shoes = [people.save(site.hot[0] / f"{n}.png", pictures.picture(n)) for n in range(8)]
    site.wait_ended(shoes)
    site.stop()
    (site.hot[0] / "day 1").mkdir()
    moved = [shoe.rename(site.hot[0] / "day 1" / shoe.name) for shoe in shoes]
    site.start(ready=False)
    site.kill()
    site.start()
    site.wait_ended(moved)
    assert [states(site, shoe)[0] for shoe in moved] == ["unchanged"] * 8
    assert len(site.results()) == 8
    assert site.audit()["gaps"] == []


def test_what_is_no_move_gets_a_cut_out_of_its_own(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    shoe, hat = (people.save(site.hot[0] / f"{name}.png", pictures.picture(1)) for name in ("shoe", "hat"))
    site.wait_ended([shoe, hat])
    copy = people.save(site.hot[0] / "copies" / "shoe.png", shoe.read_bytes())
    boot = hat.rename(site.hot[0] / "boot.png")
    site.wait_ended([copy, boot])
    assert (states(site, copy), states(site, boot)) == (["done"], ["done"])
    site.result_of(boot).unlink()
    boot = boot.rename(site.hot[0] / "copies" / "boot.png")
    site.wait_ended([boot])
    assert states(site, boot) == ["done"], "its cut-out does not lie there any more"
    boot.unlink()
    other = people.save(site.hot[0] / "boot.png", pictures.picture(2).ljust(boot_size(site), b"\0"))
    site.wait_ended([other])
    assert pictures.read(site.result_of(other).read_bytes()) == pictures.Label(2)


def boot_size(site: Site) -> int:
    """The size of the picture that was removed last."""
    return int(site.rows()[-1]["size"])


def test_it_can_be_turned_off(make_site: MakeSite) -> None:
    site = make_site(watch={"settle_seconds": 0.1, "rescan_seconds": 2, "follow_moved": False})
    site.start()
    shoe = people.save(site.hot[0] / "shoe.png", pictures.picture(1))
    site.wait_ended([shoe])
    (site.hot[0] / "chosen").mkdir()
    moved = shoe.rename(site.hot[0] / "chosen" / "shoe.png")
    site.wait_ended([moved])
    assert states(site, moved) == ["done"]
