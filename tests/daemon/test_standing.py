"""What a service manager hears of a daemon that is well, and of one that is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from because import why

from mattingd.core.policy import SECOND
from mattingd.core.trouble.heartbeats import Pulse
from mattingd.domain import commands, events
from mattingd.domain.exit_codes import ExitCode
from mattingd.runtime.health import BEAT_NS, HealthStatus
from mattingd.runtime.sd_notify import Notifier
from tests.core.desk import Desk, only
from tests.daemon.harness.manager import Manager, listening

SCAN = "the scan of hot folder products"


class Service:
    """A scheduler at its desk, and how it stands."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.desk = Desk()
        self.standing = HealthStatus(Notifier(), folders=3)
        self.desk.start(up=False)

    def turn(self, *pulses: Pulse) -> tuple[list[events.Stuck], list[str]]:
        """A beat later: who has come to be late, and what the manager heard."""
        self.desk.now += BEAT_NS
        stuck = self.standing.turn(self.desk.scheduler, pulses, self.desk.now)
        heard = len(self.manager.heard)
        self.standing._notifier.tell(END=1)
        self.manager.until("END=1")
        return stuck, self.manager.heard[heard:-1]

    def late(self) -> Pulse:
        return Pulse(SCAN, self.desk.now)

    def in_time(self) -> Pulse:
        return Pulse(SCAN, self.desk.now + 10 * SECOND)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening(tmp_path / "notify") as manager:
        yield Service(manager)


def test_who_is_late_keeps_the_watchdog_hungry_until_he_moves(service: Service) -> None:
    assert "WATCHDOG=1" in service.turn(service.in_time())[1]
    stuck, heard = service.turn(service.late())
    assert stuck == [events.Stuck(SCAN)]
    assert "WATCHDOG=1" not in heard
    assert heard[-1].startswith(f"STATUS={SCAN} is stuck; ")
    assert service.turn(service.late()) == ([], []), "told once, and still hungry"
    stuck, heard = service.turn(service.in_time())
    assert stuck == []
    assert "WATCHDOG=1" in heard
    assert "stuck" not in heard[-1]


def test_ready_is_said_once_and_with_how_it_is(service: Service) -> None:
    _, heard = service.turn()
    assert heard[-1].endswith("; the model is being loaded")
    service.desk.engine_up()
    for number in range(service.desk.policy.workers):
        assert "READY=1" not in service.turn()[1]
        service.desk.say(events.WorkerUp(number, 1))
    _, heard = service.turn()
    assert heard[-1] == "READY=1"
    service.desk.engine_dies("so it is")
    service.desk.later(1)
    service.desk.engine_up()
    assert "READY=1" not in service.turn()[1]


def test_what_is_wrong_comes_first(service: Service) -> None:
    service.standing.fact(events.FolderTrouble(1, why("it went away")))
    _, heard = service.turn()
    assert heard[-1].startswith("STATUS=1 of 3 hot folders cannot be read; 0 in work, 0 waiting; ")
    service.desk.engine_up()
    for number in range(service.desk.policy.workers):
        service.desk.say(events.WorkerUp(number, 1))
    only(service.desk.admit(1), commands.Read)
    service.standing.fact(events.FolderTrouble(1, None))
    assert any("STATUS=1 in work, 0 waiting; " in line for line in service.turn()[1])


def test_the_last_words_are_the_reason(service: Service) -> None:
    service.standing.command(commands.Stop(ExitCode.CHILD, "the engine ended 6 times in a row"))
    _, heard = service.turn()
    assert heard[0] == "STATUS=ended with code 70: the engine ended 6 times in a row"
