"""Secrets of notices: from systemd's credentials or the environment, never from the configuration."""

import os
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Set by systemd: a folder with a file for each `LoadCredential=`."""
NAMES = ("webhook-secret", "webhook-url", "smtp-password", "chat-urls")


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The secrets by name. Their text form contains no secret."""

    found: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return one of `NAMES`; empty when it was not given."""
        return self.found.get(name, "")


def take(environment: MutableMapping[str, str]) -> Secrets:
    """Return the secrets, and remove them from the environment, so that no child gets them.

    `webhook-secret` is the credential of that name, or else the variable `MATTINGD_WEBHOOK_SECRET`.
    """
    found = {}
    folder = environment.get(CREDENTIALS)
    for name in NAMES:
        given = environment.pop(variable(name), "")
        if folder:
            with suppress(OSError, ValueError):
                given = (Path(folder) / name).read_text(encoding="utf-8")
        if given.strip():
            found[name] = given.strip()
    return Secrets(found)


def variable(name: str) -> str:
    """Return the environment variable for a secret."""
    return "MATTINGD_" + name.upper().replace("-", "_")


def secrets_of_process() -> Secrets:
    """Take the secrets of this process."""
    return take(os.environ)
