"""Delivers the notices of one channel: a thread, so that neither a picture nor another channel waits for it.

Notices are in the journal until they are delivered. After a crash between delivery and the journal's record,
a notice is sent once more with the same id.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from mattingd.config import Settings
from mattingd.domain.commands import Command, FinishReport, RecordNotice, RecordReceivers, SendAgain
from mattingd.domain.drops import Channel, Notice
from mattingd.domain.events import Fact, Reloaded
from mattingd.journal import JournalError
from mattingd.journal.drops import reading_drops
from mattingd.notices.digest import DeliveryError, Digest, digest_of
from mattingd.notices.programs import ProgramError, run_program
from mattingd.notices.receivers import Receivers
from mattingd.notices.secrets import Secrets
from mattingd.runtime.refusal import RefusedError
from mattingd.system import clock

LOOK_SECONDS = 300.0
"""Without any news the journal is looked at this often."""
LEAST_ATTEMPTS = 3
"""A notice of a drop that ended long ago, while nothing ran, is tried so often as well."""
DUE, SENT, DEAD = "due", "sent", "dead"


def channels(settings: Settings, secrets: Secrets) -> tuple[Channel, ...]:
    """Return the channels that report the end of a drop."""
    notices = settings.notices
    wanted = {
        Channel.WEBHOOK: notices.webhook_url or secrets.get("webhook-url"),
        Channel.MAIL: notices.mail_host and notices.mail_to,
        Channel.CHAT: secrets.get("chat-urls"),
        Channel.PROGRAM: settings.hooks.on_drop,
    }
    return tuple(channel for channel, given in wanted.items() if given)


class Sender(threading.Thread):
    """See the module. A service and a reporter of the daemon."""

    def __init__(
        self,
        channel: Channel,
        journal: Path,
        settings: Callable[[], Settings],
        folder_name: Callable[[int], str],
        secrets: Secrets,
        record: Callable[..., None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Start without sending.

        Args:
            channel: the channel of the notices.
            journal: path of the journal.
            settings: returns the present settings.
            folder_name: returns a hot folder's name by its number.
            secrets: the secrets at the start.
            record: writes to the journal and waits for it; may be refused.
            failed: called once if the thread ends by a defect.
        """
        super().__init__(name=f"notices-{channel}", daemon=True)
        self._channel = channel
        self._journal = journal
        self._settings = settings
        self._folder_name = folder_name
        self._secrets = secrets
        self._record = record
        self._failed = failed
        self._awake = threading.Event()
        self._stopping = False

    # --- the daemon's side ---

    def fact(self, fact: Fact) -> None:
        """Handle a fact: with changed settings a delivery may succeed."""
        if isinstance(fact, Reloaded):
            self._awake.set()

    def command(self, command: Command) -> None:
        """Handle a command: the journal has more notices."""
        new = isinstance(command, FinishReport) and self._channel in command.channels
        if new or isinstance(command, SendAgain):
            self._awake.set()

    def close(self) -> None:
        """End the thread soon; an unfinished delivery is repeated at the next start."""
        self._stopping = True
        self._awake.set()

    # --- the thread ---

    def run(self) -> None:
        """Deliver until stopped."""
        try:
            while not self._stopping:
                self._awake.clear()
                self._awake.wait(self._round())
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            if not self._stopping:
                self._failed(error)

    def _round(self) -> float:
        """Deliver what is due; returns seconds until the next one."""
        now = clock.wall().timestamp()
        try:
            with reading_drops(self._journal) as journal:
                notices, later = journal.due_notices(self._channel, now)
            for notice in notices:
                if self._stopping:
                    return 0
                self._one(notice)
        except (JournalError, RefusedError):
            return self._settings().retry.cap_seconds
        if notices:
            return 0
        return LOOK_SECONDS if later is None else min(LOOK_SECONDS, max(0.0, later - now))

    def _one(self, notice: Notice) -> None:
        settings = self._settings()
        with reading_drops(self._journal) as journal:
            name, output = self._folder_name(notice.folder), str(settings.output_dir)
            digest = digest_of(journal, notice, name, output, settings.words)
        if digest is None:
            self._record(RecordNotice(notice.id, DEAD, "the journal does not know its drop any more"))
            return
        try:
            self._deliver(digest, settings, self._receivers(notice))
        except (DeliveryError, ProgramError) as error:
            self._again(notice, digest, settings, str(error))
        except Exception as error:  # noqa: BLE001 - of a library or a plugin; its text may hold a secret
            self._again(notice, digest, settings, type(error).__name__)
        else:
            self._record(RecordNotice(notice.id, SENT))
            self._say("notice sent", notice)

    def _receivers(self, notice: Notice) -> Receivers:
        return Receivers(notice.settled, lambda settled: self._record(RecordReceivers(notice.id, settled)))

    def _deliver(self, digest: Digest, settings: Settings, settled: Receivers) -> None:
        from mattingd.notices import delivery  # noqa: PLC0415 - its libraries are a tenth of a start

        match self._channel:
            case Channel.WEBHOOK:
                delivery.by_webhook(digest, settings.notices, self._secrets)
            case Channel.MAIL:
                delivery.by_mail(digest, settings.notices, self._secrets, settings.words, settled)
            case Channel.CHAT:
                delivery.by_chat(digest, self._secrets, settings.words, settled)
            case Channel.PROGRAM:
                run_program(settings.hooks.on_drop, digest.as_json(), settings.hooks.seconds)

    def _again(self, notice: Notice, digest: Digest, settings: Settings, why: str) -> None:
        """Return when it is retried.

        A program of the team is not, because it may have done half of its work.
        """
        now, retry = clock.wall().timestamp(), settings.retry
        age = now - datetime.fromisoformat(digest.ended_at).timestamp()
        over = age > settings.notices.give_up_hours * 3600 and notice.attempts >= LEAST_ATTEMPTS
        if over or self._channel is Channel.PROGRAM or self._channel not in channels(settings, self._secrets):
            self._record(RecordNotice(notice.id, DEAD, why))
            self._say("notice given up", notice, why)
            return
        pause = min(retry.cap_seconds, retry.first_seconds * 2 ** min(notice.attempts, 20))
        self._record(RecordNotice(notice.id, DUE, why, now + pause))
        self._say("notice not sent yet", notice, why)

    def _say(self, event: str, notice: Notice, why: str = "") -> None:
        log = structlog.get_logger()
        told = {"drop": notice.drop, "channel": str(notice.channel), "id": notice.id}
        if why:
            log.warning(event, **told, why=why, attempt=notice.attempts + 1)
        else:
            log.info(event, **told)
