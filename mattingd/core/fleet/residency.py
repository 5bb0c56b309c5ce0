"""Which models may be loaded at once on a device, by their number and their memory, and which make room.

Models that no picture waits for make room first, the least recently used before the others. A model that
pictures wait for makes room only after a turn of its own: models that do not fit together take turns.
"""

from collections.abc import Container, Iterable

from mattingd.core.batching import EngineKey, EngineQueue, EngineSlot
from mattingd.core.fleet.devices import Devices
from mattingd.core.job_store import JobStore
from mattingd.core.policy import SECOND
from mattingd.domain.events import EngineUp

PATIENCE_NS = 20 * SECOND
"""How long a picture waits for a model that is not loaded while the loaded ones are all busy, and how long an
engine may serve before it has to make room."""
CPU = "cpu"


class Residency:
    """The limits of loaded models. One owner: the engines' supervisor."""

    def __init__(self, work: JobStore, queue: EngineQueue, devices: Devices) -> None:
        self._work = work
        self._queue = queue
        self._devices = devices
        self._measured: dict[EngineKey, int] = {}
        """Bytes that engines reported."""

    def came_up(self, key: EngineKey, fact: EngineUp) -> None:
        """Note how much memory an engine needs."""
        if fact.memory:
            self._measured[key] = fact.memory

    def has_room(self, key: EngineKey) -> bool:
        """Whether a model may be loaded beside those that are on its device."""
        return self._fits(key, self._on(key.place))

    def leavers(self, key: EngineKey, wanted: Container[str], since: int) -> list[EngineSlot]:
        """Return the engines that make room for a model now; none while it is too early, or of no use.

        Args:
            key: the model, and the device.
            wanted: models that pictures wait for; their engines stay longer.
            since: when the oldest picture started to wait for it.
        """
        there = self._on(key.place)
        idle, busy = self._by_use(there, wanted)
        if leavers := self._enough(key, there, idle):
            return leavers
        due = {slot.id: max(since, slot.since) + PATIENCE_NS for slot in busy}
        ready = [slot for slot in busy if due[slot.id] <= self._work.now]
        if leavers := self._enough(key, there, [*idle, *ready]):
            return leavers
        if later := [when for when in due.values() if when > self._work.now]:
            self._work.timers.alarm("room", None, min(later))
        return []

    def overdue(self, since: int) -> bool:
        """Whether a picture has waited long enough for its model that the others have to go."""
        return self._work.now >= since + PATIENCE_NS

    def surplus(self, place: int, wanted: Container[str]) -> list[EngineSlot]:
        """Return idle engines to end because the loaded models turned out to need too much memory."""
        there = self._on(place)
        idle, _ = self._by_use(there, wanted)
        gone: list[EngineSlot] = []
        while idle and not self._allowed(place, [slot.key for slot in there if slot not in gone]):
            gone.append(idle.pop(0))
        return gone

    def _on(self, place: int) -> list[EngineSlot]:
        return [slot for slot in self._queue.slots.values() if slot.key.place == place]

    @staticmethod
    def _by_use(
        there: Iterable[EngineSlot], wanted: Container[str]
    ) -> tuple[list[EngineSlot], list[EngineSlot]]:
        """Return the idle and the busy engines, each least recently used first."""
        up = sorted((slot for slot in there if slot.serving and slot.up), key=_used)
        idle = [slot for slot in up if slot.key.model not in wanted and not slot.batches]
        return idle, [slot for slot in up if slot not in idle]

    def _enough(
        self, key: EngineKey, there: list[EngineSlot], candidates: list[EngineSlot]
    ) -> list[EngineSlot]:
        """Return the first candidates whose end makes room; none if all of them are not enough."""
        for count in range(1, len(candidates) + 1):
            gone = candidates[:count]
            if self._fits(key, [slot for slot in there if slot not in gone]):
                return gone
        return []

    def _fits(self, key: EngineKey, beside: list[EngineSlot]) -> bool:
        """Whether a model fits beside others; alone it may always try."""
        return not beside or self._allowed(key.place, [*(slot.key for slot in beside), key])

    def _allowed(self, place: int, keys: list[EngineKey]) -> bool:
        if len(keys) > self._work.policy.loaded.count:
            return False
        room = self._room(place)
        return len(keys) == 1 or room is None or sum(map(self._bytes, keys)) <= room

    def _bytes(self, key: EngineKey) -> int:
        """Return what a model needs: as measured on this device, else as stated."""
        return self._measured.get(key, self._work.policy.loaded.stated.get(key.model, 0))

    def _room(self, place: int) -> int | None:
        """Return the bytes that all models on a device may use together; None: unlimited."""
        limits, up = self._work.policy.loaded, self._devices[place].up
        if up is None or up.device == CPU:  # nothing is known of a GPU before an engine is up there
            return limits.cpu_bytes
        cap = limits.gpu_bytes[place] if place < len(limits.gpu_bytes) else None
        return cap or up.room or None


def _used(slot: EngineSlot) -> int:
    return slot.used
