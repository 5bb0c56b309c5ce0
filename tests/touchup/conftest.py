"""One core for everything here, as in a picture worker."""

from tests.imaging.conftest import _one_thread

__all__ = ["_one_thread"]
