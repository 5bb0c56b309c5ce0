"""`mattingd man`."""

from mattingd.cli.errors import run_verb


def man() -> None:
    """Show the manual page.

    If the output is not a terminal, its source is printed. To install it:
    mattingd man > /usr/local/share/man/man1/mattingd.1
    """
    from mattingd.cli.commands import man as man_command  # noqa: PLC0415

    run_verb(man_command.show)
