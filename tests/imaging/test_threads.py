"""What several threads make of a picture is what one makes of it."""

import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from mattingd.domain.presets import Preset
from mattingd.imaging import threads
from mattingd.imaging.finishing import compose
from mattingd.imaging.formats import png
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting import flat_background, foreground, tiles, upsample
from tests.imaging.pictures import photo


def made(picture: np.typing.NDArray[np.uint8]) -> bytes:
    y, x = np.mgrid[-1:1:96j, -1:1:128j]
    small = np.clip((0.7 - np.hypot(x, y)) * 6, 0, 1).astype(np.float32)
    alpha = flat_background.completed(upsample.to_full_size(small, picture), picture).alpha
    composed = compose.compose(Picture(picture, None, picture), alpha, Preset())
    assert np.array_equal(composed.pixels, np.dstack([foreground.estimate(picture, alpha), alpha]))
    return png.encode(composed.pixels)


def test_the_same_bytes_with_any_number_of_threads() -> None:
    picture = photo(1400, 1000)
    alone = made(picture)
    for count in (1, 3, 100):
        with threads.allowed(count):
            assert made(picture) == alone
            png.verify(alone, 1400, 1000)


def test_each_pass_over_a_whole_picture_is_shared_between_the_threads() -> None:
    shared = set[str]()
    threading.setprofile(lambda frame, *_: shared.add(frame.f_code.co_qualname))
    try:
        with threads.allowed(2):
            png.verify(made(photo(1400, 1000)), 1400, 1000)
    finally:
        threading.setprofile(None)
    before_the_file = ["_reduced", "learn", "decide", "_median", "look", "_blur", "correct", "_with_alpha"]
    passes = [*before_the_file, "_packed", "_proved"]
    assert {name for name in passes if not any(name in said for said in shared)} == set()


@pytest.mark.parametrize(("width", "height"), [(700, 500), (350, 125), (1400, 250), (333, 211)])
def test_a_picture_reduced_in_strips_is_the_one_reduced_at_once(width: int, height: int) -> None:
    at_once = in_strips = photo(1401, 1003)
    while at_once.shape[1] >= 2 * width or at_once.shape[0] >= 2 * height:
        across, down = 1 + (at_once.shape[1] >= 2 * width), 1 + (at_once.shape[0] >= 2 * height)
        rows, columns = at_once.shape[0] // down, at_once.shape[1] // across
        even = at_once[: rows * down, : columns * across]
        at_once = tiles.as_uint8(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA))
        in_strips = tiles._reduced(in_strips, across, down)
        assert np.array_equal(in_strips, at_once)


def test_work_runs_at_the_same_time_and_comes_back_in_order() -> None:
    together = threading.Barrier(2, timeout=30)
    with threads.allowed(2):
        assert threads.each(lambda item: (together.wait() >= 0, item), [1, 2]) == [(True, 1), (True, 2)]


def test_without_further_threads_one_does_it_all() -> None:
    code = """if True:
        import resource
        from mattingd.imaging import threads
        pages = int(open("/proc/self/statm").read().split()[0])
        most = pages * resource.getpagesize() + (12 << 20)  # one stack more, not three
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        with threads.allowed(3):
            print(threads.each(lambda number: number + 1, [1, 2, 3]), threads._POOL.get())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2, 3, 4] None"


def test_what_is_wrong_in_a_thread_is_told() -> None:
    data = bytearray(png.encode(photo(1400, 1000)))
    data[len(data) // 2] ^= 1
    with threads.allowed(2), pytest.raises(PictureError, match="checksum"):
        png.verify(bytes(data), 1400, 1000)
    with threads.allowed(2), pytest.raises(PictureError, match="inflate"):
        threads.each(lambda part: png._proved(part, 1001), [memoryview(b"no deflate stream")])
