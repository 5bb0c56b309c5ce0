"""Convert hot folders for the core, with the layout that each one keeps."""

from collections.abc import Mapping

from mattingd.config import HotFolder
from mattingd.core.output_paths import AUTO, NAMED, UNNAMED
from mattingd.domain.jobs import Folder, Recipe
from mattingd.ingest.hot_folders import is_remote
from mattingd.journal import JournalWriter


def core_folders(
    layout: str, folders: Mapping[int, HotFolder], journal: JournalWriter, *, windows_names: bool = False
) -> dict[int, Folder]:
    """Return all hot folders by their number.

    Args:
        layout: as configured; for `auto` the journal keeps the decision for each folder.
        folders: all hot folders by number.
        journal: the open journal.
        windows_names: outputs only get names that Windows accepts.
    """
    alone = sum(not folder.uploads for folder in folders.values()) == 1

    def layout_of(number: int, folder: HotFolder) -> str:
        if layout != AUTO:
            return layout
        named = journal.is_named(number, alone=alone and not folder.uploads)
        return NAMED if named else UNNAMED

    layouts = {number: layout_of(number, folder) for number, folder in folders.items()}
    shares = sum("{folder}" not in each for each in layouts.values()) > 1
    return {
        number: Folder(
            id=number,
            name=folder.name,
            recipe=Recipe(folder.recipe_hash, folder.recipe, folder.recipes[1:]),
            layout=layouts[number],
            preset_name=folder.preset,
            endings=folder.endings,
            originals=folder.originals,
            first=folder.uploads,
            weight=folder.weight,
            hours=folder.hours,
            drop_by_subfolder=folder.drops == "subfolder",
            shares=shares,
            on_share=is_remote(folder.path),
            windows_names=windows_names,
        )
        for number, folder in folders.items()
    }
