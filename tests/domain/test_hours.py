"""Hours of the day: written by people, compared by what the clock shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.domain.hours import ALWAYS, DAY, Hours, window


def hours(*windows: str) -> Hours:
    return Hours(tuple(map(window, windows)))


def at(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


@pytest.mark.parametrize(
    ("windows", "now", "opens"),
    [
        (("20:00-06:00",), "19:59", "20:00"),
        (("20:00-06:00",), "20:00", None),
        (("20:00-06:00",), "23:59", None),
        (("20:00-06:00",), "00:00", None),
        (("20:00-06:00",), "05:59", None),
        (("20:00-06:00",), "06:00", "20:00"),
        (("8:30-12:00", "13:00 - 17:00"), "12:30", "13:00"),
        (("8:30-12:00", "13:00-17:00"), "17:00", "08:30"),
        (("8:30-12:00", "13:00-17:00"), "13:00", None),
        (("22:00\N{EN DASH}24:00",), "23:59", None),
        (("22:00-24:00",), "00:00", "22:00"),
        (("00:00-24:00",), "12:00", None),
        ((), "12:00", None),
    ],
)
def test_open_or_when_it_opens(windows: tuple[str, ...], now: str, opens: str | None) -> None:
    assert hours(*windows).opens(at(now)) == opens


@pytest.mark.parametrize(
    "text", ["", "20:00", "20-06", "25:00-06:00", "20:60-21:00", "06:00-06:00", "24:01-03:00", "night"]
)
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"20:00-06:00|different times"):
        window(text)


@given(st.integers(0, DAY - 1), st.integers(0, DAY - 1), st.integers(0, DAY - 1))
def test_it_opens_at_a_minute_at_which_it_is_open(start: int, length: int, now: int) -> None:
    end = (start + length + 1) % DAY or DAY
    if end % DAY == start:
        return
    each = hours(f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}")
    opens = each.opens(now)
    assert (opens is None) == ((now - start) % DAY < length + 1)
    assert opens is None or each.opens(at(opens)) is None
    assert ALWAYS.opens(now) is None
