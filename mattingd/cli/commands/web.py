"""`mattingd web`: serve the page and the API separately, and set the team's password."""

import getpass
import os
import sys
from pathlib import Path

from mattingd.cli.errors import CommandError, find_config
from mattingd.config import load
from mattingd.domain.exit_codes import ExitCode
from mattingd.observability.log_setup import configure_log

MISSING = "the page needs packages that are not installed: pip install 'mattingd[web]'"
SHORTEST_PASSWORD = 8


def serve(config: Path | None, parent: int | None) -> ExitCode:
    """Serve the page until stopped. `parent`: the daemon whose child this is."""
    path = find_config(config).absolute()
    settings = load(path)
    if settings.web.listen is None:
        raise CommandError(
            "the configuration has no `web: listen:`, such as 127.0.0.1:7860", code=ExitCode.CONFIG
        )
    try:
        from mattingd.web import security, server  # noqa: PLC0415 - an extra that may be missing
    except ImportError as error:
        raise CommandError(f"{MISSING} ({error.name} is missing)") from None
    if parent is not None:
        server.die_with(parent)
    _, outlet = configure_log(settings.log.format, settings.log.level)
    try:
        server.serve(settings, path)
    except (server.ServerError, security.SecretsError) as error:
        raise CommandError(str(error), code=ExitCode.CONFIG) from None
    finally:
        outlet.close()
    return ExitCode.OK


def password(file: Path) -> ExitCode:
    """Ask for a password, or read it from standard input, and write its hash."""
    try:
        from argon2 import PasswordHasher  # noqa: PLC0415 - an extra that may be missing
    except ImportError:
        raise CommandError(MISSING) from None
    if sys.stdin.isatty():
        given = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != given:
            raise CommandError("the two are not the same; nothing was written")
    else:
        given = sys.stdin.readline().rstrip("\n")
    if len(given) < SHORTEST_PASSWORD:
        raise CommandError(f"a password needs at least {SHORTEST_PASSWORD} characters; nothing was written")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "w", encoding="ascii") as sink:
        sink.write(PasswordHasher().hash(given) + "\n")
    print(f"{file}: written; name it as web.password_file and restart")  # noqa: T201
    return ExitCode.OK
