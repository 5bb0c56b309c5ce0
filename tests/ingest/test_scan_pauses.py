"""How long a scanner rests: long after scans that take long, and not after one that waited for a server."""

from mattingd.ingest.scan_plan import STRETCH, ScanPauses

SECOND = 10**9


def test_a_folder_that_takes_long_is_scanned_more_rarely() -> None:
    pauses = ScanPauses()
    assert [pauses.after(60 * SECOND, SECOND) for _ in range(3)] == [
        60 * SECOND,
        60 * SECOND,
        STRETCH * 60 * SECOND,
    ]


def test_a_scan_that_waited_for_a_server_is_followed_by_another_one_soon() -> None:
    pauses = ScanPauses()
    assert pauses.after(30 * SECOND, SECOND) == 30 * SECOND, "the first of a daemon that has just started"
    assert pauses.after(SECOND // 10, SECOND) == SECOND
    assert pauses.after(SECOND // 10, SECOND) == 2 * SECOND
    assert pauses.after(40 * SECOND, SECOND) == 2 * SECOND
