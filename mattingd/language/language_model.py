"""Asks a language model on an OpenAI-compatible server, by the `openai` library (extra `language`).

The model gets the instructions and the sentence without file names; never a picture.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mattingd.config import Language
from mattingd.domain.presets import Preset
from mattingd.language import answer, wording
from mattingd.language.answer import NoAnswerError
from mattingd.language.scan import without_files
from mattingd.language.understood import Understood

if TYPE_CHECKING:
    from openai import OpenAI

LONGEST_ANSWER = 200_000
"""Maximum size of an answer in bytes; usual ones have some hundred."""
_UNKNOWN_PARAMETER = frozenset({400, 404, 415, 422, 501})
"""Status of servers that do not support JSON schemas, such as DeepSeek's; they are asked for plain JSON."""
_NO_KEY = "none"
"""Sent if no key is set, so that a key in the environment is not sent to another server."""


def understand(text: str, presets: Mapping[str, Preset], language: Language) -> Understood:
    """Return the preset and settings that a language model finds in ``text``.

    Raises:
        NoAnswerError: there is no answer in time, or it cannot be used.
    """
    shape = answer.schema(presets)
    messages = [
        {"role": "system", "content": answer.instructions(presets, shape)},
        {"role": "user", "content": without_files(text)},
    ]
    client = _client(language)
    said = _in_time(client, language, messages, shape)
    return answer.understood(said, presets, wording.tongue_of(text))


def _client(language: Language) -> "OpenAI":
    try:
        from openai import OpenAI  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise NoAnswerError("the package openai is missing: pip install 'mattingd[language]'") from None
    key = _NO_KEY if language.api_key_file is None else _key(Path(language.api_key_file))
    return OpenAI(base_url=language.base_url, api_key=key, timeout=language.seconds, max_retries=0)


def _key(path: Path) -> str:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        lines = []
    if not lines or not lines[0].strip().isprintable() or not lines[0].strip():
        raise NoAnswerError(f"{path}: there is no key that can be read")
    return lines[0].strip()


def _in_time(
    client: "OpenAI", language: Language, messages: list[dict[str, str]], shape: dict[str, Any]
) -> str:
    """Ask on a thread of its own, because a server that sends one byte at a time would never time out."""
    results: list[str | Exception] = []

    def ask() -> None:
        try:
            results.append(_asked(client, str(language.model), messages, shape))
        except Exception as error:  # noqa: BLE001 - told below, whatever the server or the library does
            results.append(error)

    thread = threading.Thread(target=ask, name="language model", daemon=True)
    thread.start()
    thread.join(language.seconds)
    client.close()
    match results:
        case [str() as said]:
            return said
        case [NoAnswerError() as error]:
            raise error
        case [Exception() as error]:
            raise NoAnswerError(_told(error)) from error
    raise NoAnswerError(f"no answer within {language.seconds:g} s")


def _asked(client: "OpenAI", model: str, messages: list[dict[str, str]], shape: dict[str, Any]) -> str:
    from openai import APIStatusError  # noqa: PLC0415

    by_schema = {"type": "json_schema", "json_schema": {"name": "settings", "schema": shape}}
    try:
        return _content(client, model, messages, by_schema)
    except APIStatusError as error:
        if error.status_code not in _UNKNOWN_PARAMETER:
            raise
    return _content(client, model, messages, {"type": "json_object"})


def _content(client: "OpenAI", model: str, messages: list[dict[str, str]], form: dict[str, Any]) -> str:
    """Return the text of the answer.

    Raises:
        NoAnswerError: the server's answer does not follow the protocol, or is a refusal.
    """
    create: Any = client.chat.completions.with_streaming_response.create
    data = bytearray()
    with create(model=model, messages=messages, response_format=form, temperature=0) as response:
        for piece in response.iter_bytes():
            data += piece
            if len(data) > LONGEST_ANSWER:
                raise NoAnswerError("its answer does not end")
    try:
        message = json.loads(data)["choices"][0]["message"]
        refusal, content = message.get("refusal"), message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise NoAnswerError("the server does not answer as OpenAI's does") from None
    if refusal:
        raise NoAnswerError("it refused")
    if not isinstance(content, str):
        raise NoAnswerError("its answer is empty")
    return content


def _told(error: Exception) -> str:
    """Return an error of the library as one line, without addresses, keys and the server's text."""
    status = getattr(error, "status_code", None)
    if status is not None:
        return f"the server answers with {status}"
    return {"APITimeoutError": "no answer in time", "APIConnectionError": "the server cannot be reached"}.get(
        type(error).__name__, f"asking failed ({type(error).__name__})"
    )
