"""One core for everything here, as in a picture worker."""

import cv2
import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    cv2.setNumThreads(1)
