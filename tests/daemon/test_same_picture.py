"""The same picture again, with a real daemon: another name, another folder; changed or deleted cut-outs."""

import shutil

import yaml

from tests.daemon.conftest import MakeSite
from tests.daemon.harness.pictures import picture
from tests.daemon.harness.site import Site


def batches(site: Site) -> list[int | None]:
    """The batch of each job; None for one that went to no model."""
    return [row["batch"] for row in site.rows()]


def test_the_same_picture_is_cut_out_once_as_long_as_that_counts(make_site: MakeSite) -> None:
    site = make_site(folders=("in", "more", "white"))
    document = yaml.safe_load(site.config.read_text())
    document["hot_folders"][2]["settings"] = {"background": "white"}
    site.config.write_text(yaml.safe_dump(document))
    site.start()
    hot, more, white_ones = site.hot
    first, other, in_white = hot / "a.png", more / "b.png", white_ones / "c.png"
    first.write_bytes(picture(1))
    site.wait_ended([first])
    shutil.copy(first, other)
    shutil.copy(first, in_white)
    site.wait_ended([other, in_white])
    made, copied, white = (site.records(file)[0] for file in (first, other, in_white))
    assert sorted(batches(site), key=str) == [1, 2, None], "other settings, so made anew"
    contents = [(site.out / record.outputs[0]).read_bytes() for record in (made, copied, white)]
    assert contents[0] == contents[1] != contents[2]
    (remark,) = copied.reasons
    assert (remark.code, dict(remark.params)) == ("same_picture", {"place": made.outputs[0]})
    assert copied.confidence == made.confidence
    for record in (made, copied):
        (site.out / record.outputs[0]).unlink()
    again = hot / "again.png"
    shutil.copy(first, again)
    site.wait_ended([again])
    assert (site.out / site.records(again)[0].outputs[0]).read_bytes() == contents[0]
    assert batches(site)[-1] == 3, "its cut-outs were deleted, so made anew"
    document["watch"] = {**document.get("watch", {}), "reuse_same": False}
    site.config.write_text(yaml.safe_dump(document))
    assert site.command("reload").returncode == 0
    last = hot / "last.png"
    shutil.copy(first, last)
    site.wait_ended([last])
    assert batches(site)[-1] == 4, "switched off"
    assert site.command("retry", str(other)).returncode == 0
    assert site.stop() == 0
