"""What is said on the control socket survives the way there and back, whatever file names hold."""

from typing import Any, get_args

import msgspec
import pytest

from mattingd.api import wire
from mattingd.api.desk import BESIDE, BETWEEN_TURNS
from mattingd.api.schemas import answer_type, answers, feed, requests
from mattingd.runtime.refusal import RefusedError

NAME = "\udcff 对\n\u2028"
"""No UTF-8, another script, and two kinds of line ends."""


def test_a_name_that_is_no_text_is_one_line() -> None:
    folder = answers.NamedFolder(NAME, NAME)
    line = wire.encode(folder)
    assert line.count(b"\n") == 1
    assert wire.decode(line, answers.NamedFolder) == folder


def test_every_request_has_its_answer_and_somebody_who_gives_it() -> None:
    kinds = set(get_args(requests.AnyRequest))
    assert kinds == set(wire.VERBS.values())
    assert kinds - {requests.Status, requests.Follow} == BETWEEN_TURNS.keys() | BESIDE.keys()
    for kind in kinds:
        request: requests.Request[Any] = msgspec.convert(example(kind), kind)
        assert issubclass(answer_type(request), msgspec.Struct)
        assert wire.request_in(wire.encode(request)) == request


def example(kind: type[requests.Request[Any]]) -> dict[str, Any]:
    """The least that a request of this kind holds."""
    values: dict[type, Any] = {str: "00", int: 1, bool: True, tuple[requests.FileKey, ...]: [("00", "ff")]}
    needed = [field for field in msgspec.structs.fields(kind) if field.required]
    held = {field.name: values.get(field.type, "00") for field in needed}
    return {"verb": kind.__struct_config__.tag, **held}


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (b'{"verb": "fly"}', "unknown", "does not know that question"),
        (b'{"verb": "history", "limit": 0}', "malformed", r"limit"),
        (b'{"verb": "history", "limit": 1001}', "malformed", r"limit"),
        (b'{"verb": "queue", "folder": "0"}', "malformed", r"folder"),
        (b'{"verb": "retry"}', "malformed", r"files"),
        (b"{", "malformed", "one line of JSON"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(line: bytes, code: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        wire.request_in(line)
    assert refused.value.code == code


def test_a_field_of_a_later_version_is_no_mistake() -> None:
    line = b'{"verb": "rescan", "folders": [], "colour": "green"}'
    assert wire.request_in(line) == requests.Rescan()
    event: Any = wire.decode(b'{"event": "closed", "id": "1.2", "mood": "good"}', feed.AnyEvent)  # type: ignore[arg-type]
    assert event == feed.Closed("1.2")
