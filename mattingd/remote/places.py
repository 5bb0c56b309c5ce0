"""The slots that the daemon's scheduler may fill with pictures: as many as the workers have credits.

A slot that was taken away can be given again only after the scheduler has confirmed that it knows. Commands
that it had sent before are ignored, because it takes those pictures back by itself.
"""

from collections.abc import Callable
from enum import Enum


class Condition(Enum):
    """The state of one slot."""

    DOWN = "down"
    UP = "up"
    LEAVING = "leaving"


class Places:
    """All slots. One lock guards them: the bridge's."""

    def __init__(self, first: int, number: int) -> None:
        """Start with all slots down."""
        self._all = dict.fromkeys(range(first, first + number), Condition.DOWN)

    def is_up(self, place: int) -> bool:
        """Whether a command for it is valid."""
        return self._all.get(place) is Condition.UP

    def known(self, place: int) -> None:
        """Record that the scheduler knows that it is gone."""
        if self._all.get(place) is Condition.LEAVING:
            self._all[place] = Condition.DOWN

    def adjust(
        self, wanted: int, busy: set[int], up: Callable[[int], None], left: Callable[[int], None]
    ) -> None:
        """Set the number of slots: idle ones are removed first, busy ones when they are done.

        Args:
            wanted: how many.
            busy: slots with a picture.
            up: reports that a slot can be filled.
            left: reports that it cannot any more.
        """
        there = [place for place, condition in self._all.items() if condition is Condition.UP]
        for place in reversed([place for place in there if place not in busy][: max(0, len(there) - wanted)]):
            self.leave(place, left)
        missing = wanted - len(there)
        down = [place for place, condition in self._all.items() if condition is Condition.DOWN]
        for place in down[: max(0, missing)]:
            self._all[place] = Condition.UP
            up(place)

    def leave(self, place: int, left: Callable[[int], None]) -> None:
        """Remove a slot."""
        if self._all.get(place) is Condition.UP:
            self._all[place] = Condition.LEAVING
            left(place)

    def all_up(self) -> list[int]:
        """The slots that can be filled."""
        return [place for place, condition in self._all.items() if condition is Condition.UP]
