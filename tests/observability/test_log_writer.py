"""Where lines go: a writer that hangs, a full disk, and what others are shown."""

import tempfile
import threading

import pytest

from mattingd.observability.log_setup import configure_log
from mattingd.observability.log_writer import LINES_WAITING, Outlet, StreamWriter
from mattingd.observability.recent_lines import KEPT, RecentLines, masked
from mattingd.system import clock


def test_nobody_waits_for_a_log_that_hangs() -> None:
    written: list[str] = []
    go_on = threading.Event()

    class Slow:
        def write(self, line: str) -> None:
            go_on.wait(30)
            written.append(line)

        def close(self) -> None:
            written.append("closed")

    outlet = Outlet(Slow(), lambda lost: f"{lost} lost")
    for number in range(LINES_WAITING + 50):
        outlet.send(str(number))
    go_on.set()
    while len(written) < LINES_WAITING:
        clock.sleep(0.01)
    outlet.send("the last")
    outlet.close()
    (lost,) = (line for line in written if line.endswith("lost"))
    assert int(lost.split()[0]) + len(written) - 3 == LINES_WAITING + 50
    assert written[-2:] == ["the last", "closed"]


def test_what_a_full_disk_loses_is_not_tried_again() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - no path of ours
        writer = StreamWriter(full)
        with pytest.raises(OSError, match="No space left"):
            writer.write("a line")
        writer.close()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("shop: https://hooks.slack.com/services/T0/B0/xyz", "shop: https://hooks.slack.com/***"),
        ("slack://T0/B0/xyz: refused", "slack://***: refused"),
        ("smtp://ann:hunter2@mail.example:25/x", "smtp://***"),
        ("https://ann:hunter2@proxy.example:8443/", "https://proxy.example:8443/***"),
        ("http://127.0.0.1:7860/?token=abc", "http://127.0.0.1:7860/***"),
        ("page http://127.0.0.1:7860/", "page http://127.0.0.1:7860/"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("env MATTINGD_SMTP_PASSWORD=hunter2, next", "env MATTINGD_SMTP_PASSWORD=***, next"),
        ("web.token_file: holds no token", "web.token_file: holds no token"),
        ("in/token shoe.jpg: the file is empty", "in/token shoe.jpg: the file is empty"),
    ],
)
def test_what_others_are_shown_of_the_log_holds_no_secret(line: str, kept: str) -> None:
    assert masked(line) == kept


def test_the_last_lines_are_kept_as_people_read_them_in_every_form() -> None:
    for style in ("console", "json"):
        recent = RecentLines()
        with tempfile.TemporaryFile("w+") as stream:
            log, outlet = configure_log(style, "info", stream, recent)
            log.warning("failed", job=12, file="in/shoe.jpg", folder="in", why="it is empty")
            log.debug("request")
            outlet.close()
        (line,) = recent.lines()
        assert (line.number, line.level, line.event) == (1, "warning", "failed")
        assert line.said == "in/shoe.jpg: it is empty #12"
    for number in range(KEPT + 5):
        recent.add({"level": "info", "event": "done"}, str(number))
    assert len(recent.lines()) == KEPT
