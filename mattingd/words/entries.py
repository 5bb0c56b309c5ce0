"""The form of an entry in a table of words."""

from typing import NamedTuple


class Words(NamedTuple):
    """The words for a reason; `{name}` becomes a parameter, `{detail}` the words of another code."""

    what: str
    """What happened, in a phrase for log lines and lists."""
    do: str = ""
    """What helps, in a phrase."""
    note_do: str = ""
    """The same as sentences for an error note, if `do` is too short or names a setting."""
    note_what: str = ""
    """What happened, for an error note, if `what` is too technical."""
