"""The error note beside the cut-outs: its words, and so how to tell that a note is still ours."""

from mattingd.domain.text import readable


def note_text(source: bytes, reason: str) -> bytes:
    """The error note: what, why, what to do. Plain UTF-8, readable in any editor."""
    name = readable(source.rpartition(b"/")[2])
    return (
        f"No new cut-out was made of {name}.\n\n"
        f"Why:        {reason}.\n"
        f"What to do: put right what is said there. What is saved anew is done by itself; after a change\n"
        f"            of settings `mattingd retry` asks for this picture again.\n"
        f"            This note disappears with the next cut-out.\n"
        f"Original:   {readable(source)} (it was not changed)\n"
    ).encode()
