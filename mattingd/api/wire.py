"""Convert the messages in `schemas` to lines of JSON and back."""

import json
from typing import Any, TypeVar, get_args

import msgspec

from mattingd.api.schemas import answers, requests
from mattingd.runtime.refusal import RefusedError

T = TypeVar("T")

VERBS: dict[str, type[requests.Request[Any]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(requests.AnyRequest)
}
"""Every request by its name on the wire."""
UNKNOWN = "it does not know that question"


def encode(message: msgspec.Struct) -> bytes:
    """Encode a message as one line. Any text is allowed, including file names that are not UTF-8."""
    return json.dumps(msgspec.to_builtins(message)).encode() + b"\n"


def decode(line: bytes, kind: type[T]) -> T:
    """Decode the message in a line.

    Raises:
        ValueError: it is not a message of this kind.
    """
    return msgspec.convert(json.loads(line), kind)


def request_in(line: bytes) -> requests.Request[Any]:
    """Decode the request in a line.

    Raises:
        RefusedError: it is not a request; says what is wrong.
    """
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        raise RefusedError("a request is one line of JSON", "malformed") from None
    kind = VERBS.get(str(raw.get("verb"))) if isinstance(raw, dict) else None
    if kind is None:
        raise RefusedError(UNKNOWN, "unknown")
    try:
        request: requests.Request[Any] = msgspec.convert(raw, kind)
    except ValueError as error:
        raise RefusedError(f"the request {raw['verb']!r} does not fit: {error}", "malformed") from None
    return request


def refusal(error: RefusedError) -> answers.Refusal:
    """Convert a refusal to the line that is sent instead of an answer."""
    return answers.Refusal(str(error), error.code)


def refusal_in(line: bytes) -> answers.Refusal | None:
    """Return the refusal in a line; None when it is an answer."""
    raw = json.loads(line)
    return msgspec.convert(raw, answers.Refusal) if isinstance(raw, dict) and "error" in raw else None
