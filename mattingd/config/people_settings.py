"""What people and programs are given and told of a drop: reports, notices, hooks."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from mattingd.config.value_types import WebhookUrl


@dataclass(frozen=True, slots=True)
class Reports:
    """The report of a drop, in `_reports` beside its cut-outs; removed with them by `retention`."""

    tables: bool = True
    """Write a JSON and a CSV file with all pictures of the drop."""
    sheet_pictures: Annotated[int, Ge(0)] = 2000
    """Pictures on the contact sheet at most, those the model is least sure of first; 0 makes no sheet."""
    needs_a_look: bool = False
    """Link the cut-outs that the model is unsure of into a folder `_Needs_a_look` beside the others."""
    zip: bool = False
    """Put the finished pictures into a ZIP file, too."""


@dataclass(frozen=True, slots=True)
class Notices:
    """One message for each drop that has ended. Secrets are never written here: see docs/DROPS.md."""

    webhook_url: WebhookUrl | None = None
    """An address that gets the digest of each drop as JSON, signed if the secret `webhook-secret` is set."""
    mail_host: str | None = None
    """The mail server (SMTP); mail needs `mail_to`, too."""
    mail_port: Annotated[int, Ge(1), Le(65535)] = 587
    """Its port."""
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection to it is protected; `none` is for a server on this machine."""
    mail_user: str | None = None
    """The user to log in as, with the secret `smtp-password`; null does not log in."""
    mail_from: str | None = None
    """The sender's address."""
    mail_to: tuple[str, ...] = ()
    """Who gets the digests."""
    seconds: Annotated[float, Gt(0), Le(120)] = 10.0
    """A server that gives no answer within this time is tried again later."""
    give_up_hours: Annotated[float, Gt(0)] = 24.0
    """A notice that could not be delivered for so long is given up, and listed by `mattingd notices`."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Programs of your own, with their arguments; each gets JSON on its standard input."""

    on_done: tuple[str, ...] = ()
    """Run for each picture that is done, such as `[/usr/local/bin/to-shop, --quiet]`."""
    on_failed: tuple[str, ...] = ()
    """Run for each picture that failed."""
    on_drop: tuple[str, ...] = ()
    """Run for each drop that has ended, when its report is written."""
    seconds: Annotated[float, Gt(0), Le(3600)] = 60.0
    """A program that takes longer is ended."""
