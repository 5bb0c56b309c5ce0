"""An output folder on a share: whether it exists, is ours and has room, as a child process sees it."""

from collections.abc import Callable
from typing import Any

from mattingd.domain.events import Fact, OutputShared, OutputTrouble, SpaceLow
from mattingd.domain.reasons import Reason
from mattingd.domain.shares import OutputSeen, WatchOutput
from mattingd.shares.keeper import ShareKeeper


class ShareOutput:
    """Reports when the output folder goes offline, comes back, or has too little space."""

    def __init__(
        self,
        order: Callable[[], WatchOutput],
        judge: Callable[[int, bool], Reason | None],
        tell: Callable[[Fact], None],
        failed: Callable[[BaseException], None],
        seconds: Callable[[], float],
    ) -> None:
        """Set up.

        Args:
            order: the folder, and its marker.
            judge: returns why this many free bytes are too few; the second argument is whether they were too
                few before.
            tell: takes facts.
            failed: called once if a thread ends by a defect.
            seconds: how long the share may be silent.
        """
        self._judge = judge
        self._tell = tell
        self._low = False
        self._why: Reason | None = None
        self._others: str | None = None
        self._keeper = ShareKeeper(
            "share-output",
            orders=lambda: (order(),),
            heard=self._heard,
            trouble=lambda why: self._offline(why.within("output_offline", root=order().root)),
            failed=failed,
            seconds=seconds,
        )

    def start(self) -> None:
        """Start checking."""
        self._keeper.start()

    def stop(self) -> None:
        """Stop checking."""
        self._keeper.stop()

    def _heard(self, said: Any) -> None:
        if not isinstance(said, OutputSeen):
            return
        self._offline(said.trouble)
        if said.trouble is None:
            if said.others != self._others:
                self._others = said.others
                self._tell(OutputShared(said.others))
            reason = self._judge(said.free, self._low)
            if (reason is not None) != self._low:
                self._low = reason is not None
                self._tell(SpaceLow(reason))

    def _offline(self, why: Reason | None) -> None:
        if why != self._why:
            self._why = why
            self._tell(OutputTrouble(why))
