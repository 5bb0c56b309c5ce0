"""Notices to real servers that are down, slow or ill, and then well: each arrives once, by its id."""

import hashlib
import hmac
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from because import why
from receivers import MailReceiver, WebReceiver, free_port
from structlog.testing import capture_logs

from mattingd.config import Settings
from mattingd.config.people_settings import Hooks, Notices
from mattingd.core.lifecycle import RetryPolicy
from mattingd.domain.commands import EndDrop, FinishReport, Move, RecordReportFiles, SendAgain, Write
from mattingd.domain.drops import Channel, ReportFile
from mattingd.domain.events import Admitted
from mattingd.journal import JournalWriter
from mattingd.journal.drops import reading_drops
from mattingd.notices import secrets as secrets_of
from mattingd.notices.secrets import Secrets
from mattingd.notices.sender import Sender, channels
from mattingd.system import clock
from tests.daemon.harness.site import wait_until
from tests.journal.journals import RULES, admit_of, admitted, publish

DROP, SECRET = "2026-11-20-1", "correct horse"
NO_SECRETS = Secrets()
SENTENCE = "it is cut off: copy it again"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalWriter]:
    """A journal whose only drop ended just now, with two done and one failed; notices are due everywhere."""
    path = tmp_path / "checkpoint.db"
    with JournalWriter(path, RULES, lambda: clock.wall().isoformat(timespec="seconds")) as journal:
        journal.folder_id(b"/in")
        for number, sure in enumerate((0.9, 0.1)):
            row = admitted(journal, b"%d.jpg" % number)
            publish(journal, row)
            journal.apply([Move(row.job, "done", confidence=sure, chores=frozenset())])
        row = admitted(journal, "schön\nbad.jpg".encode())
        journal.apply([Move(row.job, "failed", why(SENTENCE), chores=frozenset())])
        names = ("r/_Needs_a_look/1.jpg", "r/d.csv", "r/d.json")
        files = tuple(ReportFile(name, 1, b"x") for name in names)
        journal.apply([EndDrop(1, DROP), RecordReportFiles(1, DROP, files)])
        yield journal


def settings(tmp_path: Path, **more: Any) -> Settings:
    return replace(
        Settings(
            output_dir=Path("/out"),
            state_dir=tmp_path,
            hot_folders=(),
            presets={},
            retry=RetryPolicy(first_seconds=0.1, cap_seconds=0.3),
        ),
        **more,
    )


@contextmanager
def sending(
    journal: JournalWriter, channel: Channel, wanted: Settings, secrets: Secrets = NO_SECRETS
) -> Iterator[Sender]:
    def record(*writes: Write) -> None:
        journal.apply(writes)

    wrong: list[BaseException] = []
    sender = Sender(
        channel, journal.path, lambda: wanted, lambda _: "products", secrets, record, wrong.append
    )
    sender.start()
    try:
        yield sender
    finally:
        sender.close()
        sender.join(30)
        assert wrong == []
    assert not sender.is_alive()


def states(journal: JournalWriter, state: str) -> list[tuple[str, str]]:
    with reading_drops(journal.path) as reader:
        return [(str(notice.channel), error) for notice, error in reader.notices(state)]


def due(journal: JournalWriter, channel: Channel) -> None:
    journal.apply([FinishReport(1, DROP, (channel,))])


def test_a_webhook_that_is_down_slow_and_ill_gets_it_once_in_the_end(
    journal: JournalWriter, tmp_path: Path
) -> None:
    server = WebReceiver(free_port(), ["gone", "500", "slow", "503"])
    wanted = settings(tmp_path, notices=Notices(webhook_url=server.url, seconds=0.5))
    due(journal, Channel.WEBHOOK)
    with sending(journal, Channel.WEBHOOK, wanted, Secrets({"webhook-secret": SECRET})):
        wait_until(lambda: any(error for _, error in states(journal, "due")), "it was down", 20)
        with server.listening():
            wait_until(lambda: states(journal, "sent") != [], "it was taken", 30)
    assert server.attempts >= 5
    ((headers, body),) = server.taken
    told = json.loads(body)
    assert (
        headers["X-Mattingd-Signature"]
        == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    )
    assert headers["Idempotency-Key"] == told["id"]
    assert told["counts"] == {"done": 2, "failed": 1}
    assert (told["drop"], told["folder"]) == (DROP, "products")
    assert told["failed"] == [{"in": "schön\\nbad.jpg", "reason": SENTENCE}]
    assert told["needs_a_look"] == {"number": 1, "in": ["1.jpg"]}
    assert told["reports"] == ["/out/r/d.csv", "/out/r/d.json"]


def test_mail_is_sent_once_however_often_it_is_refused_before(journal: JournalWriter, tmp_path: Path) -> None:
    server = MailReceiver(free_port(), ["451", "550"])
    mail = Notices(
        mail_host="127.0.0.1",
        mail_port=server.port,
        mail_security="none",
        mail_to=("lead@studio.example", "team@studio.example"),
        seconds=2,
    )
    due(journal, Channel.MAIL)
    with sending(journal, Channel.MAIL, settings(tmp_path, notices=mail, words="zh")):
        wait_until(lambda: any(error for _, error in states(journal, "due")), "it was down", 20)
        with server.listening():
            wait_until(lambda: states(journal, "sent") != [], "it was taken", 30)
    (message,) = server.taken
    assert server.attempts == 3
    assert message["To"] == "lead@studio.example, team@studio.example"
    assert "products" in message["Subject"]
    assert "完成 2 张" in message["Subject"]
    text = message.get_content()  # type: ignore[attr-defined]
    assert "schön\\nbad.jpg" in text
    assert "/out/r/d.csv" in text
    with reading_drops(journal.path) as reader:
        ((notice, _),) = reader.notices("sent")
    assert message["Message-ID"] == f"<{notice.id}@mattingd>"


@pytest.mark.parametrize("channel", [Channel.WEBHOOK, Channel.MAIL])
def test_of_many_drops_each_digest_arrives_once_by_its_id_whatever_the_server_does(
    journal: JournalWriter, tmp_path: Path, channel: Channel
) -> None:
    drops = [f"2026-11-20-{number}" for number in range(1, 7)]
    for drop in drops[1:]:
        wish = admit_of(f"{drop}.jpg".encode())
        (answer,) = journal.apply([replace(wish, drop=drop)])
        assert isinstance(answer, Admitted)
        publish(journal, answer.row)
        journal.apply([EndDrop(1, drop)])
    web = WebReceiver(free_port(), ["gone", "500", "slow", "503", "slow", "500"])
    mail = MailReceiver(free_port(), ["451", "slow", "550", "slow", "451"])
    both = replace(MAIL, mail_port=mail.port, webhook_url=web.url, seconds=0.5)
    journal.apply([FinishReport(1, drop, (channel,)) for drop in drops])
    with sending(journal, channel, settings(tmp_path, notices=both)):
        wait_until(
            lambda: len([error for _, error in states(journal, "due") if error]) == 6, "it was down", 60
        )
        with web.listening() if channel is Channel.WEBHOOK else mail.listening():
            wait_until(lambda: len(states(journal, "sent")) == 6, "all were taken", 120)
    with reading_drops(journal.path) as reader:
        ids = sorted(notice.id for notice, _ in reader.notices("sent"))
    by_web = [json.loads(body)["id"] for _, body in web.taken]
    by_mail = [message["Message-ID"].strip("<>").removesuffix("@mattingd") for message in mail.taken]
    assert sorted(by_web + by_mail) == ids
    assert not web.answers or not mail.answers, "it was ill before"


@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")
def test_chat_services_get_it_by_apprise_and_their_addresses_stay_out_of_the_log(
    journal: JournalWriter, tmp_path: Path
) -> None:
    pytest.importorskip("apprise", reason="apprise is not installed")
    server = WebReceiver(free_port(), ["500"])
    address = f"json://127.0.0.1:{server.port}/token-of-ours"
    due(journal, Channel.CHAT)
    with capture_logs() as log, server.listening():
        server.answers = ["500"]
        secrets = Secrets({"chat-urls": address})
        with sending(journal, Channel.CHAT, settings(tmp_path), secrets):
            wait_until(lambda: states(journal, "sent") != [], "it was taken", 30)
    ((_, body),) = server.taken
    assert "2 done, 1 failed, 1 to look at" in json.loads(body)["title"]
    assert [line["event"] for line in log] == ["notice not sent yet", "notice sent"]
    assert "token-of-ours" not in repr(log)


def test_a_webhook_whose_answer_has_no_end_is_taken_when_its_head_has_one(
    journal: JournalWriter, tmp_path: Path
) -> None:
    server = WebReceiver(free_port(), ["drip", "endless"])
    wanted = settings(tmp_path, notices=Notices(webhook_url=server.url, seconds=0.5))
    due(journal, Channel.WEBHOOK)
    with capture_logs() as log, server.listening(), sending(journal, Channel.WEBHOOK, wanted):
        wait_until(lambda: states(journal, "sent") != [], "it was taken", 20)
    assert [line.get("why") for line in log] == ["the webhook gave no answer within 0.5 s", None]


def test_mail_goes_again_only_to_those_who_were_refused_for_now(
    journal: JournalWriter, tmp_path: Path
) -> None:
    server = MailReceiver(free_port())
    now, later, never = "now@studio.example", "later@studio.example", "never@studio.example"
    server.refusals = {later: ["451"], never: ["550", "550"]}
    wanted = settings(tmp_path, notices=replace(MAIL, mail_port=server.port, mail_to=(now, later, never)))
    due(journal, Channel.MAIL)
    with capture_logs() as log, server.listening(), sending(journal, Channel.MAIL, wanted):
        wait_until(lambda: states(journal, "sent") != [], "it was taken", 20)
    assert server.taken_by == [[now], [later]]
    refused = [(line["to"], line["why"][:3]) for line in log if line["event"] == "mail refused"]
    assert refused == [(later, "451"), (never, "550")]


@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")
def test_of_several_chat_services_only_those_get_it_again_that_did_not_take_it(
    journal: JournalWriter, tmp_path: Path
) -> None:
    pytest.importorskip("apprise", reason="apprise is not installed")
    well, ill = WebReceiver(free_port()), WebReceiver(free_port(), ["500"])
    urls = " ".join(f"json://127.0.0.1:{server.port}/" for server in (ill, well))
    due(journal, Channel.CHAT)
    secrets = Secrets({"chat-urls": urls})
    with well.listening(), ill.listening(), sending(journal, Channel.CHAT, settings(tmp_path), secrets):
        wait_until(lambda: states(journal, "sent") != [], "it was taken", 30)
    assert (well.attempts, ill.attempts) == (1, 2)


def test_who_took_it_before_a_restart_does_not_get_it_again(journal: JournalWriter, tmp_path: Path) -> None:
    server = MailReceiver(free_port())
    now, later = "now@studio.example", "later@studio.example"
    server.refusals = {later: ["451"] * 1000}
    wanted = settings(tmp_path, notices=replace(MAIL, mail_port=server.port, mail_to=(now, later)))
    due(journal, Channel.MAIL)
    with server.listening():
        with sending(journal, Channel.MAIL, wanted):
            wait_until(lambda: server.taken_by == [[now]] and kept(journal) == 1, "one of two has it", 60)
        server.refusals.clear()
        with sending(journal, Channel.MAIL, wanted):
            wait_until(lambda: states(journal, "sent") != [], "the other has it", 60)
    assert server.taken_by == [[now], [later]]
    assert len({message["Message-ID"] for message in server.taken}) == 1
    with closing(sqlite3.connect(journal.path)) as db:
        ((settled,),) = db.execute("SELECT settled FROM notices")
    assert "studio.example" not in settled, "addresses may be secrets"


def kept(journal: JournalWriter) -> int:
    """Receivers of all notices that are due and need them no more."""
    with reading_drops(journal.path) as reader:
        notices, _ = reader.due_notices(Channel.MAIL, 1e12)
        return sum(len(notice.settled) for notice in notices)


MAIL = Notices(mail_host="127.0.0.1", mail_port=1, mail_security="none", mail_to=("a@studio.example",))


@pytest.mark.parametrize(
    ("channel", "wanted", "secrets"),
    [
        (Channel.MAIL, replace(MAIL, mail_host="smtp..studio.example"), {}),
        (Channel.MAIL, replace(MAIL, mail_from="us@studio.example\nBcc: all@studio.example"), {}),
        (Channel.WEBHOOK, Notices(webhook_url="http://a..b/hook"), {}),
        (Channel.WEBHOOK, Notices(webhook_url="http://127.0.0.1:1/"), {"webhook-secret": "\udcff"}),
    ],
)
def test_what_no_library_can_take_is_a_notice_that_waits_and_not_the_end_of_the_daemon(
    journal: JournalWriter, tmp_path: Path, channel: Channel, wanted: Notices, secrets: dict[str, str]
) -> None:
    due(journal, channel)
    with sending(journal, channel, settings(tmp_path, notices=wanted), Secrets(secrets)):
        wait_until(lambda: any(error for _, error in states(journal, "due")), "it was tried", 20)


def test_what_cannot_be_delivered_for_too_long_becomes_a_dead_letter_without_any_secret(
    journal: JournalWriter, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}/{SECRET.replace(' ', '-')}"
    wanted = settings(tmp_path, notices=Notices(seconds=0.5, give_up_hours=1e-6))
    secrets = Secrets({"webhook-url": url})
    assert channels(wanted, secrets) == (Channel.WEBHOOK,)
    due(journal, Channel.WEBHOOK)
    with capture_logs() as log, sending(journal, Channel.WEBHOOK, wanted, secrets):
        wait_until(lambda: states(journal, "dead") != [], "it was given up")
    ((channel, error),) = states(journal, "dead")
    assert (channel, "Refused" in error) == ("webhook", True)
    assert SECRET.replace(" ", "-") not in repr(log) + error + repr(secrets)
    assert states(journal, "due") == []
    assert journal.dead_notices() == 1
    journal.apply([SendAgain()])
    assert [channel for channel, _ in states(journal, "due")] == ["webhook"]


TAIL = "x" * 293 + "no shop"


@pytest.mark.parametrize(
    ("program", "state", "error"),
    [
        ("import json,sys; open(sys.argv[1],'w').write(json.load(sys.stdin)['drop'])", "sent", ""),
        ("import sys; sys.exit('x' * 5_000_000 + 'no shop')", "dead", f"it ended with code 1: {TAIL}"),
        ("import sys; sys.exit('no shop')", "dead", "it ended with code 1: no shop"),
        ("import subprocess; subprocess.run(['sleep', '60'])", "dead", "it did not end within 2 s"),
    ],
)
def test_the_program_of_a_drop_runs_once(
    journal: JournalWriter, tmp_path: Path, program: str, state: str, error: str
) -> None:
    command = (sys.executable, "-c", program, str(tmp_path / "told"))
    due(journal, Channel.PROGRAM)
    with sending(journal, Channel.PROGRAM, settings(tmp_path, hooks=Hooks(on_drop=command, seconds=2))):
        wait_until(lambda: states(journal, "due") == [], "it had run")
    assert states(journal, state) == [("program", error)]
    assert state != "sent" or (tmp_path / "told").read_text() == DROP


def test_secrets_come_from_credentials_before_the_environment_and_leave_it(tmp_path: Path) -> None:
    (tmp_path / "smtp-password").write_text("of systemd\n")
    environment = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "MATTINGD_SMTP_PASSWORD": "of the environment",
        "MATTINGD_WEBHOOK_SECRET": "w",
        "PATH": "/bin",
    }
    found = secrets_of.take(environment)
    assert (found.get("smtp-password"), found.get("webhook-secret")) == ("of systemd", "w")
    assert found.get("chat-urls") == ""
    assert environment.keys() == {"CREDENTIALS_DIRECTORY", "PATH"}
    assert "systemd" not in f"{found} {found!r}"
