"""How `mattingd status` shows the workers on other machines."""

from typing import Any

from rich.markup import escape
from rich.table import Table

STYLES = {"ready": "green", "refused": "red"}
HEADINGS = (
    "worker",
    "state",
    "device",
    "pictures/s",
    "done",
    "in work",
    "memory",
    "sent",
    "received",
    "version",
)


def line(remote: dict[str, Any] | None) -> str:
    """Return the scheduler's state in one line; empty where there is none."""
    if not remote:
        return ""
    where, ready = escape(remote["scheduler"]), sum(each["state"] == "ready" for each in remote["workers"])
    if not remote["reached"]:
        return f"[yellow]{where} cannot be reached[/]; this machine works alone: {escape(remote['why'])}"
    again = f", {remote['repeated']} pictures sent twice" if remote["repeated"] else ""
    return f"{ready} of {len(remote['workers'])} workers ready at {where}{again}"


def table(remote: dict[str, Any]) -> Table:
    """Return a table with a row for each worker."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for heading in HEADINGS:
        shown.add_column(heading, overflow="fold")
    for each in remote["workers"]:
        style = STYLES.get(each["state"], "yellow")
        why = f": {escape(each['why'])}" if each["why"] else ""
        shown.add_row(
            escape(each["name"]),
            f"[{style}]{each['state']}[/]{why}",
            escape(" ".join((each["device"], each["precision"]))),
            f"{each['rate']:.2f}" if each["rate"] else "",
            str(each["done"]),
            str(each["in_work"]),
            _megabytes(each["memory_bytes"]),
            _megabytes(each["sent_bytes"]),
            _megabytes(each["received_bytes"]),
            escape(each["version"]),
        )
    return shown


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else ""
