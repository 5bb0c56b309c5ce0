"""Zeros where data should be: a hole in a copy that is not finished, or a picture that ends in black.

Copies are made of whole pages: a hole begins where a page of the file begins. Standard library only.
"""

from collections.abc import Callable
from typing import Literal

PAGE = 4096
_SLACK = 16  # bytes before a hole that may be zeros themselves
_HALF = 2

Meaning = Literal["data", "hole", "either"]
"""What zeros at the end of data are."""


def meaning(zeros_from: int, first: int, end: int, stride: int, part: Callable[[int, int], bytes]) -> Meaning:
    """Interpret the zeros from ``zeros_from`` on, which reach beyond ``end``.

    Args:
        zeros_from: where the zeros at the end of the file start.
        first: where the data start.
        end: where they end.
        stride: bytes of a row of uncompressed pixels, 0 without rows.
        part: reads a number of bytes from an offset.
    """
    if end - zeros_from < PAGE or -zeros_from % PAGE > _SLACK:
        return "data"
    if not stride or zeros_from <= first:
        return "hole"
    column = (zeros_from - first) % stride
    if column == 0 or stride - column <= _SLACK:  # a row, and perhaps a page, begins there
        return "either"
    above = part(max(first, zeros_from - stride), stride - column)
    return "data" if above.count(0) * _HALF >= len(above) > 0 else "hole"
