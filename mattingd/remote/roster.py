"""The remote workers that a scheduler knows: who they are, and which of them are used."""

from collections.abc import Collection

from mattingd import __version__
from mattingd.domain.events import RemoteWorker
from mattingd.remote.balance import Member, can_ever, choose, unlike
from mattingd.system import clock
from mattingd.workers.protocol import SCHEMA, TASK_FACTS, MessageError, unpacked

ASK_NS = 3 * clock.SECOND


class Roster:
    """All members. One lock guards them: the bridge's."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    def __getitem__(self, address: str) -> Member | None:
        """Return the member at an address."""
        return self._members.get(address)

    @property
    def credits(self) -> int:
        """Return how many pictures all of them may have at once."""
        return sum(member.credits for member in self._members.values())

    def views(self) -> tuple[RemoteWorker, ...]:
        """Return them as `status` shows them."""
        return tuple(member.view() for member in self._members.values())

    def arrived(self, addresses: Collection[str]) -> list[str]:
        """Add new workers; they are used once they have reported their facts."""
        new = [address for address in addresses if address not in self._members]
        self._members |= {address: Member(address, address) for address in new}
        return new

    def gone(self, addresses: Collection[str]) -> list[str]:
        """Remove workers that are gone; they are forgotten."""
        gone = [address for address in self._members if address not in addresses]
        for address in gone:
            del self._members[address]
        return gone

    def ask_all_again(self) -> list[str]:
        """Ask all workers for their facts again, because other weights are in use."""
        for member in self._members.values():
            member.state, member.why, member.facts = "warming", "", None
        return list(self._members)

    def unheard(self, now: int) -> list[str]:
        """Return those whose facts are requested again, because their answer did not arrive."""
        due = [member for member in self._members.values() if 0 < member.ask_at <= now]
        for member in due:
            member.ask_at = 0
        return [member.address for member in due]

    def heard(self, address: str, block: object, why: str, weights: str, now: int) -> None:
        """Handle a member's facts: it is used only if it matches this machine.

        No `block`: they did not arrive.
        """
        member = self._members.get(address)
        if member is None or member.state == "refused":
            return
        if block is None:
            member.why, member.ask_at = f"what it is did not arrive: {why}", now + ASK_NS
            return
        try:
            facts, _ = unpacked(block, TASK_FACTS)
        except MessageError as error:
            self.refuse(address, f"it is no worker of this mattingd: {error}")
            return
        member.facts = facts
        member.why = unlike(facts, version=__version__, schema=SCHEMA, weights=weights)
        member.state = "refused" if member.why else "ready"

    def refuse(self, address: str, why: str) -> None:
        """Send it nothing more as long as it stays."""
        if member := self._members.get(address):
            member.state, member.why = "refused", why

    def slow(self, address: str) -> bool:
        """Send it nothing until it answers something; returns whether it was ready before."""
        member = self._members.get(address)
        if member is None or member.state != "ready":
            return False
        member.state, member.why = "slow", "it gave no answer in time"
        return True

    def answered(self, address: str, number: int, size: int) -> None:
        """Record that it answered or lost a task with this many bytes."""
        if member := self._members.get(address):
            member.in_work.discard(number)
            member.received += size
            if member.state == "slow" and size:
                member.state, member.why = "ready", ""

    def choose(self, number: int, pixels: int, size: int, avoid: Collection[str]) -> Member | None:
        """Give a task to the member that will finish it first; None when none can take it now."""
        member = choose(self._members.values(), pixels, avoid)
        if member is not None:
            member.in_work.add(number)
            member.sent += size
        return member

    def can_ever(self, pixels: int, avoid: Collection[str]) -> bool:
        """Whether any member could take such a picture once it has time."""
        return can_ever(self._members.values(), pixels, avoid)
