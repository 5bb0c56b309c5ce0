"""Numbers for the names and modes in `output_files`."""

import grp
import pwd
from collections.abc import Callable
from functools import cache

from mattingd.config.schema import OutputFiles
from mattingd.domain.artifacts import Permissions


@cache
def permissions_of(files: OutputFiles) -> Permissions:
    """Return the settings as the kernel wants them; the configuration has checked that the names exist.

    They are looked up once: a directory service that is away later, when a worker is replaced, must not end
    the daemon.
    """
    return Permissions(
        _number(files.owner, lambda name: pwd.getpwnam(name).pw_uid),
        _number(files.group, lambda name: grp.getgrnam(name).gr_gid),
        None if files.file_mode is None else int(files.file_mode, 8),
        None if files.folder_mode is None else int(files.folder_mode, 8),
    )


def _number(name: str | None, known: Callable[[str], int]) -> int | None:
    if name is None:
        return None
    return int(name) if name.isdecimal() else known(name)
