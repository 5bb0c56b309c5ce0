"""How Samba exports the folders of a configuration: one section of smb.conf for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mattingd.config import Settings


@dataclass(frozen=True, slots=True)
class Share:
    """A folder as Samba exports it."""

    name: str
    path: Path
    comment: str
    is_output: bool = False
    """Whether clients only fetch cut-outs there."""


def shares_of(settings: Settings) -> list[Share]:
    """Return the hot folders and, last, the output folder; their names are unique, whatever the case."""
    found = [
        Share(folder.name, folder.path, f"Drop pictures here ({folder.preset})")
        for folder in settings.hot_folders
        if not folder.uploads
    ]
    names = {share.name.casefold() for share in found}
    name = settings.output_dir.name or "cut-outs"
    name = f"{name} cut-outs" if name.casefold() in names else name
    return [*found, Share(name, settings.output_dir, "Cut-outs", is_output=True)]


def fragment(settings: Settings, group: str) -> str:
    """Return the part of smb.conf that exports the folders of a configuration to a group."""
    return "\n".join(_lines(shares_of(settings), group))


def _lines(shares: list[Share], group: str) -> Iterator[str]:
    yield "# Made by `mattingd share print` for /etc/samba/smb.conf; needs the package samba-vfs-modules."
    for share in shares:
        yield ""
        yield f"[{share.name}]"
        yield f"    comment = {share.comment}"
        yield f"    path = {share.path}"
        yield "    read only = no"
        yield f"    valid users = @{group}"
        yield "    # Every file belongs to the group, and the daemon is a member of it."
        yield f"    force group = +{group}"
        yield "    create mask = 0664"
        yield "    force create mode = 0664"
        yield "    directory mask = 2775"
        yield "    force directory mode = 2775"
        yield "    # Macs: tags and previews go into attributes, not into files beside the pictures."
        yield "    vfs objects = catia fruit streams_xattr"
        yield "    fruit:metadata = stream"
        yield "    fruit:delete_empty_adfiles = yes"
        yield "    # A file shows its real size while it comes in, so that its end can be seen."
        yield "    strict allocate = no"
        yield "    oplocks = no"
        yield "    level2 oplocks = no"
