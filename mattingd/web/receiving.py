"""Reads pictures, preset and settings from a request, and stores them."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import NoneType
from typing import Any, get_args, get_type_hints

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from mattingd.domain.presets import Preset
from mattingd.web.context import Context
from mattingd.web.desk import FREE
from mattingd.web.finding import is_upload
from mattingd.web.problems import ProblemError
from mattingd.web.words import phrase


def _is_text(hint: Any) -> bool:
    """Return whether a setting of this type is text, or None."""
    if isinstance(hint, str) or hint in {str, NoneType}:
        return True
    return bool(get_args(hint)) and all(map(_is_text, get_args(hint)))


IDEMPOTENCY = "Idempotency-Key"
NOT_TEXT = frozenset(name for name, hint in get_type_hints(Preset).items() if not _is_text(hint))
"""Settings that are numbers or booleans; a form contains text only."""


@asynccontextmanager
async def form_of(request: Request, context: Context) -> AsyncIterator[FormData]:
    """Yield the form of a request.

    Raises:
        ProblemError: the request contains no form.
        HTTPException: the form has too many parts.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ProblemError(415, "send multipart/form-data with the picture in it")
    most = context.settings.web.max_files
    async with request.form(max_files=most, max_fields=200, max_part_size=64_000) as form:
        yield form


def wanted_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `preset` and `settings` from the fields of a form or query.

    Args:
        values: `preset`, `settings` (a JSON object), and single settings, which win over `settings`.

    Raises:
        ProblemError: `settings` is no JSON object.
    """
    settings: dict[str, Any] = {}
    if text := values.get("settings"):
        try:
            settings = json.loads(text)
        except ValueError:
            raise ProblemError(422, "settings must be a JSON object") from None
        if not isinstance(settings, dict):
            raise ProblemError(422, "settings must be a JSON object")
    settings |= {name: _value(name, str(values[name])) for name in FREE if values.get(name) not in {None, ""}}
    return {"preset": values.get("preset") or None, "settings": settings}


async def taken(
    request: Request,
    context: Context,
    pictures: list[UploadFile],
    wanted: dict[str, Any],
    callback: str | None = None,
    batch: str | None = None,
) -> tuple[str, list[str]]:
    """Store pictures; return the id of their batch, and theirs.

    The same `Idempotency-Key` gives the same ids.

    Args:
        request: the request.
        context: the shared parts.
        pictures: the uploaded files.
        wanted: preset and settings, unchecked.
        callback: the address to call when they end.
        batch: joins them to the pictures of earlier requests.

    Raises:
        ProblemError: there is no picture, or it cannot be taken.
    """
    if not pictures:
        raise ProblemError(422, "there is no picture in the form")
    client = request.client.host if request.client else "?"
    if not context.rates.take("upload", client, context.settings.web.uploads_per_minute, len(pictures)):
        raise ProblemError(429, phrase("too_often"), {"Retry-After": "10"})
    checked = await run_in_threadpool(context.desk.checked, wanted)
    key = request.headers.get(IDEMPOTENCY)
    if batch and not is_upload(batch):
        raise ProblemError(422, "batch must be 32 hexadecimal digits")
    batch = batch or (uuid.uuid5(context.space, key) if key else uuid.uuid4()).hex
    about = {"batch": batch} | ({"callback": callback} if callback else {})
    ids = []
    for number, picture in enumerate(pictures):
        own = uuid.uuid5(context.space, f"{key} {number}") if key else uuid.uuid4()
        upload = batch[:16] + own.hex[:16]
        try:
            await run_in_threadpool(
                context.desk.take, picture.filename or "picture", picture.file, checked, about, upload
            )
        except ProblemError as error:
            if not (key and error.status == 409):  # noqa: PLR2004 - it was sent before
                raise
        ids.append(upload)
    return batch, ids


def _value(name: str, text: str) -> Any:
    if name in NOT_TEXT:
        try:
            return json.loads({"on": "true", "off": "false"}.get(text, text))
        except ValueError:
            return text
    return text
