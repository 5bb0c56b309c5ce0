"""Owner and group of outputs, as names that a directory service knows."""

import grp
import os

import pytest

from mattingd.config.permissions import permissions_of
from mattingd.config.schema import OutputFiles


def test_a_group_is_known_also_while_its_directory_service_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    name = grp.getgrgid(os.getgid()).gr_name
    known = permissions_of(OutputFiles(group=name, file_mode="0664"))
    assert (known.gid, known.file_mode) == (os.getgid(), 0o664)

    def away(_name: str) -> None:
        raise KeyError

    monkeypatch.setattr(grp, "getgrnam", away)
    assert permissions_of(OutputFiles(group=name, file_mode="0664")) == known
