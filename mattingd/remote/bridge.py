"""The daemon's child that sends pictures to the workers on other machines and takes their results.

To the daemon it looks like picture workers: it reads a file, later it is told to finish it, and then its
complete temp files are in the output folder. It publishes nothing and has no access to the journal. Whatever
happens to the other machines, it answers in time, or reports that a slot is gone.
"""

import itertools
import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from mattingd.domain.commands import Discard, Finish, Read, RemoteConfig
from mattingd.domain.events import (
    Fact,
    Faulted,
    ReadOk,
    RemoteState,
    WorkerLeft,
    WorkerUp,
)
from mattingd.domain.jobs import Fault
from mattingd.domain.reasons import Reason
from mattingd.domain.remote import RemoteFault, RemotePicture, RemoteSick
from mattingd.imaging.formats import decode
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.preprocess import fit
from mattingd.remote import results
from mattingd.remote.cluster import Cluster, DaskCluster
from mattingd.remote.item import Item, left_because, not_elsewhere
from mattingd.remote.places import Places
from mattingd.remote.roster import Roster
from mattingd.remote.threads import Threads
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.workers.protocol import MOST_PIXELS, Message, MessageError, packed
from mattingd.workers.sources import source_bytes
from mattingd.workers.trouble import Trouble

TELL_NS = 2 * clock.SECOND
CONNECT_NS = 2 * clock.SECOND
LOSSES = 2
"""After so many workers that were lost over a picture, or had no use after it, it is done here, by itself."""
AGAIN, GIVE_UP = 1 / 4, 2 / 3
"""Of the time that an operation has: then it is sent to a second worker, and then done here."""
THREADS = 8
"""For files that are read and written here."""


class Bridge:
    """See the module. One lock guards everything; slow work is done without it."""

    def __init__(
        self,
        say: Callable[[Message], None],
        connect: Callable[..., Cluster] = DaskCluster,
        disk: Disk | None = None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            say: sends a fact to the daemon.
            connect: makes a `Cluster` from a `RemoteConfig` and a receiver of answers.
            disk: file operations.
        """
        self._say = say
        self._connect = connect
        self._disk = disk or Disk()
        self._lock = threading.RLock()
        self._order: RemoteConfig | None = None
        self._places = Places(0, 0)
        self._cluster: Cluster | None = None
        self._roster = Roster()
        self._items: dict[int, Item] = {}
        """By job."""
        self._reads: dict[int, Read] = {}
        """Files that are being read, by place."""
        self._numbers = itertools.count(1)
        self._why = "it was not tried yet"
        self._try_at = 0
        self._told: RemoteState | None = None
        self._told_at = 0
        self._repeated = 0
        self._run = Threads(THREADS).run

    # --- what the daemon says ---

    def hear(self, command: Any) -> None:
        """Handle a command; never waits for another machine."""
        with self._lock:
            match command:
                case RemoteConfig():
                    self._configure(command)
                case Discard(worker=place, job=0):
                    self._places.known(place)
                case Discard(job=job):
                    self._forget(job)
                case Read(worker=place) if self._places.is_up(place):
                    self._reads[place] = command
                    self._run(self._read, command)
                case Finish(worker=place, job=job) if self._places.is_up(place) and job in self._items:
                    item = self._items[job]
                    item.finish, item.since = command, clock.monotonic_ns()
                    self._place(item)

    def _configure(self, order: RemoteConfig) -> None:
        if self._order is None:
            self._places = Places(order.first, order.places)
        elif self._order.sha256 != order.sha256:
            for address in self._roster.ask_all_again():
                self._ask(address)
        self._order = order

    # --- files here ---

    def _read(self, command: Read) -> None:
        """Read the file. What kind of picture it is, is found out by the worker that gets it."""
        order = self._needed()
        bench, started = order.bench, clock.monotonic_ns()
        try:
            root = bench.roots[command.folder]
            with source_bytes(self._disk, root, command, bench.limits) as data:
                header = decode.probe(data, bench.limits)
        except Trouble as trouble:
            fault = Fault.HERE if trouble.fault in {Fault.BAD, Fault.UNSUPPORTED} else trouble.fault
            self._fault(command, fault, trouble.reason)
            return
        except (PictureError, ValueError, LookupError, MemoryError) as error:
            self._fault(command, Fault.HERE, not_elsewhere(error))
            return
        if len(data) > MOST_PIXELS:
            self._fault(command, Fault.HERE, not_elsewhere("its file is larger than what can be sent"))
            return
        digest = sha256(data).digest()
        said = ReadOk(
            worker=command.worker,
            job=command.job,
            sha256=digest,
            fit=fit(header.upright_width, header.upright_height, command.net or bench.net),
            seconds=clock.seconds_since(started),
            room=max(1, command.grant),
            recalled=command.model,
        )
        with self._lock:
            if self._has_read(command):
                self._items[command.job] = Item(command, data, digest, header.room)
                self._say((said, None))

    def _write(self, item: Item, result: results.Result, address: str) -> None:
        finish, order = item.finish, self._needed()
        with self._lock:
            if finish is None or not self._is_ours(item):
                return  # whoever has it at present writes the same temp files
        try:
            fact: Fact = results.write(result, item.read, finish, order.bench, self._disk)
        except Trouble as trouble:
            fact = Faulted(item.read.worker, item.read.job, trouble.fault, trouble.reason)
        except (PictureError, ValueError, LookupError) as error:
            with self._lock:
                self._roster.refuse(address, f"a file in its answer is no such picture: {error}")
            why = not_elsewhere("its result was refused")
            fact = Faulted(item.read.worker, item.read.job, Fault.HERE, why)
        self._answer(item, fact)

    # --- to the workers ---

    def _place(self, item: Item) -> None:
        """Send a picture to the worker that will finish it first; it waits if none has time."""
        order, finish, cluster = self._needed(), item.finish, self._cluster
        if finish is None or cluster is None:
            return
        number = next(self._numbers)
        member = self._roster.choose(number, item.pixels, len(item.data), item.had)
        if member is None:
            if not (item.tasks or self._roster.can_ever(item.pixels, item.had)):
                self._fault(item.read, Fault.HERE, not_elsewhere("none that is there can take it"), item)
            return
        task = results.task_of(number, finish, item.digest, order.bench.limits)
        item.tasks[number] = member.address, task
        item.had.add(member.address)
        self._run(cluster.make, member.address, number, packed((task, item.data)))

    def answered(self, address: str, number: int, block: object, why: str) -> None:
        """Handle an answer of a worker, or its failure; on a thread of the cluster."""
        with self._lock:
            if number == 0:
                self._roster.heard(address, block, why, self._needed().sha256, clock.monotonic_ns())
                return
            self._roster.answered(address, number, len(block) if isinstance(block, bytes) else 0)
            item = next((each for each in self._items.values() if number in each.tasks), None)
            if item is None or item.back:
                return
            _, task = item.tasks.pop(number)
            if block is None:
                self._lost(item, why)
                return
            self._take(item, task, block, address)

    def _take(self, item: Item, task: RemotePicture, block: object, address: str) -> None:
        try:
            result = results.checked(block, task)
        except results.ForgedError as error:
            self._roster.refuse(address, str(error))
            self._lost(item, str(error))
            return
        if isinstance(result, RemoteFault):
            self._fault(item.read, result.fault, result.reason, item)
        elif isinstance(result, RemoteSick):
            self._roster.refuse(address, result.reason)
            self._lost(item, result.reason)
        else:
            if member := self._roster[address]:
                member.measured(result.made.seconds)
            item.back = True
            self._call_off(item)
            self._run(self._write, item, result, address)

    def _lost(self, item: Item, why: str, *, blame: bool = True) -> None:
        """Handle the loss of a worker: another one gets its picture, or this machine processes it."""
        item.losses += blame
        if item.losses >= LOSSES:
            reason = Reason.of("remote_lost", count=item.losses, said=why)
            self._fault(item.read, Fault.LOST, reason, item)
        elif not item.tasks:
            self._repeated += 1
            self._place(item)

    # --- small ---

    def _is_ours(self, item: Item) -> bool:
        """Whether the daemon has not taken a picture back."""
        return self._items.get(item.read.job) is item and self._places.is_up(item.read.worker)

    def _answer(self, item: Item, fact: Fact) -> None:
        """Send the result of a picture to the daemon, unless it has taken the picture back."""
        with self._lock:
            if self._is_ours(item):
                self._forget(item.read.job)
                self._say((fact, None))

    def _fault(self, read: Read, fault: Fault, reason: Reason, item: Item | None = None) -> None:
        """Send a fault to the daemon, unless it has taken the picture back."""
        fact = Faulted(read.worker, read.job, fault, reason)
        if item is not None:
            self._answer(item, fact)
            return
        with self._lock:
            if self._has_read(read):
                self._say((fact, None))

    def _has_read(self, read: Read) -> bool:
        """Record that a file was read; its slot may have been lost and returned meanwhile."""
        wanted = self._reads.get(read.worker) is read
        if wanted:
            del self._reads[read.worker]
        return wanted

    def _forget(self, job: int) -> None:
        item = self._items.pop(job, None)
        if item is not None:
            self._call_off(item)

    def _call_off(self, item: Item) -> None:
        for number, (address, _) in item.tasks.items():
            self._roster.answered(address, number, 0)
            self._cancel(number)
        item.tasks.clear()

    def _cancel(self, number: int) -> None:
        if self._cluster is not None:
            self._run(self._cluster.cancel, number)

    def _needed(self) -> RemoteConfig:
        if self._order is None:
            raise MessageError("something else than how it is configured")
        return self._order

    # --- the clock ---

    def look(self) -> None:
        """Check which workers exist and which are late; called several times a second, on one thread."""
        if self._order is None:
            return
        addresses = self._reach()
        with self._lock:
            self._who_is_there(addresses)
            self._who_is_late(clock.monotonic_ns())
            self._adjust()
            self._tell()

    def _reach(self) -> tuple[str, ...]:
        """Return the addresses of all workers; none when the scheduler cannot be reached."""
        order, now = self._needed(), clock.monotonic_ns()
        cluster = self._cluster
        try:
            if cluster is None:
                if now < self._try_at:
                    return ()
                self._try_at = now + CONNECT_NS
                cluster = self._connect(order, self.answered)
            addresses = cluster.workers()
        except OSError as error:
            self._why = str(error)
            with self._lock:
                self._cluster = None
            if cluster is not None:
                cluster.close()
            self._try_at = clock.monotonic_ns() + CONNECT_NS
            return ()
        with self._lock:
            self._cluster, self._why = cluster, ""
        return addresses

    def _ask(self, address: str) -> None:
        if self._cluster is not None:
            self._run(self._cluster.ask_facts, address)

    def _who_is_there(self, addresses: tuple[str, ...]) -> None:
        for address in self._roster.arrived(addresses) + self._roster.unheard(clock.monotonic_ns()):
            self._ask(address)
        gone = set(self._roster.gone(addresses))
        for item in list(self._items.values()) if gone else ():
            for number in [number for number, (where, _) in item.tasks.items() if where in gone]:
                del item.tasks[number]
                self._cancel(number)
                self._lost(item, self._why or "it left, or was lost", blame=not self._why)

    def _who_is_late(self, now: int) -> None:
        seconds = self._needed().picture_seconds
        again, give_up = (round(part * seconds * clock.SECOND) for part in (AGAIN, GIVE_UP))
        for item in list(self._items.values()):
            if item.finish is None or item.back:
                continue
            if item.since + give_up <= now:
                why = f"no other machine had it done within {give_up / clock.SECOND:.0f} s"
                self._fault(item.read, Fault.HERE, not_elsewhere(why), item)
            elif not item.tasks:
                self._place(item)
            elif item.since + again <= now and not item.again:
                item.again = True
                for address, _ in item.tasks.values():
                    if self._roster.slow(address):
                        self._ask(address)
                self._repeated += 1
                self._place(item)

    def _adjust(self) -> None:
        busy = {item.read.worker for item in self._items.values()} | self._reads.keys()
        self._places.adjust(
            self._roster.credits, busy, lambda place: self._say((WorkerUp(place, 0), None)), self._left
        )
        if self._cluster is None:
            for item in list(self._items.values()):
                if not item.back:  # finished pictures need no cluster
                    self._forget(item.read.job)
            back = {item.read.worker for item in self._items.values()}
            for place in self._places.all_up():
                if place not in back:
                    self._places.leave(place, self._left)

    def _left(self, place: int) -> None:
        self._reads.pop(place, None)
        self._say((WorkerLeft(place, left_because(self._why)), None))

    def _tell(self) -> None:
        state = RemoteState(
            self._needed().scheduler,
            self._cluster is not None,
            self._why,
            self._roster.views(),
            self._repeated,
        )
        now = clock.monotonic_ns()
        if self._outline(state) != self._outline(self._told) or (
            state != self._told and self._told_at <= now
        ):
            self._told, self._told_at = state, now + TELL_NS
            self._say((state, None))

    @staticmethod
    def _outline(state: RemoteState | None) -> Any:
        """Return the part of the state whose changes are reported at once."""
        return state and (state.reached, [(each.name, each.state, each.why) for each in state.workers])
