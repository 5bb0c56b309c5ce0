"""`/api/v1`: jobs, batches, presets."""

import base64
import binascii
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from zipstream import ZIP_STORED, ZipStream

from mattingd.language import understand
from mattingd.web import callbacks, previews
from mattingd.web.context import Context, Shared
from mattingd.web.problems import ProblemError
from mattingd.web.receiving import form_of, taken, wanted_in
from mattingd.web.schemas import (
    Background,
    Batch,
    Instruction,
    Job,
    JobPage,
    JobState,
    PresetInfo,
    Redo,
    Strokes,
    Understood,
)
from mattingd.web.words import phrase

router = APIRouter(prefix="/api/v1", tags=["jobs"])
ONE_PICTURE = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
MOST_PAINTED = 16_000_000  # bytes of base64
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "preset": {"type": "string"},
                        "settings": {"type": "string", "description": "A JSON object."},
                        "batch": {"type": "string", "description": "32 hexadecimal digits of your own."},
                        "callback": {"type": "string", "format": "uri"},
                    },
                }
            }
        },
    }
}


@router.post("/jobs", status_code=202, openapi_extra=FORM)
async def create(request: Request, context: Shared) -> Batch:
    """Upload pictures: `image` once or many times, `preset`, `settings` or single settings, `callback`."""
    async with form_of(request, context) as form:
        pictures = [each for each in form.getlist("image") if isinstance(each, UploadFile)]
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        callback = callbacks.allowed(fields.get("callback"), context.settings.web)
        batch, ids = await taken(request, context, pictures, wanted_in(fields), callback, fields.get("batch"))
    return Batch(id=batch, jobs=[await run_in_threadpool(context.desk.job, upload) for upload in ids])


@router.post("/backgrounds", status_code=201, openapi_extra=ONE_PICTURE)
async def background(request: Request, context: Shared) -> Background:
    """Upload a background picture; use the answer as `background` in `settings`."""
    async with form_of(request, context) as form:
        pictures = [each for each in form.getlist("image") if isinstance(each, UploadFile)]
        if len(pictures) != 1:
            raise ProblemError(422, "send one picture as `image`")
        most = round(context.settings.web.max_upload_mb * 1e6)
        name = await run_in_threadpool(context.desk.backdrops.keep, pictures[0].file, most)
    return Background(background=name)


@router.get("/jobs")
def jobs(
    context: Shared,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(pattern=r"^[0-9]{0,18}$")] = "",
    state: JobState | None = None,
    folder: Annotated[str, Query(max_length=200)] = "",
    needs_look: bool = False,  # noqa: FBT001, FBT002 - a parameter of the address
    q: Annotated[str, Query(max_length=200)] = "",
) -> JobPage:
    """Jobs of all hot folders, newest first."""
    return context.desk.page(limit, cursor, state=state or "", folder=folder, needs_look=needs_look, query=q)


@router.get("/jobs/{job}")
def job(job: str, context: Shared) -> Job:
    """A job."""
    return context.desk.job(job)


@router.delete("/jobs/{job}", status_code=204)
def remove(job: str, context: Shared) -> Response:
    """Remove an upload; published cut-outs stay until retention removes them."""
    context.desk.remove(job)
    return Response(status_code=204)


@router.get("/jobs/{job}/result", response_class=FileResponse)
@router.get("/jobs/{job}/result/{ordinal}", response_class=FileResponse)
def result(job: str, context: Shared, ordinal: int = 0, *, download: bool = False) -> FileResponse:
    """The finished picture."""
    place = context.desk.result(job, max(0, ordinal))
    return FileResponse(
        place, filename=place.name if download else None, headers={"Cache-Control": "private, no-cache"}
    )


@router.get("/jobs/{job}/source", response_class=FileResponse)
def source(job: str, context: Shared) -> FileResponse:
    """The original file."""
    place = context.desk.source(job)
    return FileResponse(place, media_type="application/octet-stream", filename=place.name)


@router.get("/jobs/{job}/matte", response_class=FileResponse)
async def matte(job: str, context: Shared) -> Response:
    """The alpha matte as a grey PNG, at full size."""
    return await previews.matte(context, job)


@router.get("/jobs/{job}/thumbnail", response_class=FileResponse)
async def thumbnail(
    job: str,
    context: Shared,
    of: Literal["result", "source"] = "result",
    side: Annotated[int, Query(ge=32, le=2048)] = 320,
) -> Response:
    """A small WebP of the result or the original, at most `side` pixels on its longest side."""
    return await previews.thumbnail(context, job, of, side)


@router.post("/jobs/{job}/redo", status_code=202)
def redo(job: str, wish: Redo, context: Shared) -> Job:
    """Make a picture again with other settings."""
    wanted = context.desk.checked({"preset": wish.preset, "settings": wish.settings})
    context.desk.redo(job, wanted)
    return context.desk.job(job)


@router.post("/jobs/{job}/approve", status_code=200)
def approve(job: str, context: Shared) -> Job:
    """Approve its cut-outs: the picture needs no checking any more."""
    context.desk.approve(job)
    return context.desk.job(job)


@router.post("/jobs/{job}/strokes", status_code=202)
def strokes(job: str, painted: Strokes, context: Shared) -> Job:
    """Touch a picture up: painted parts are kept or removed in the next version."""
    for kind, text in (("keep", painted.keep), ("drop", painted.drop)):
        if text is not None:
            context.desk.strokes(job, kind, _png(text))
    return context.desk.job(job)


def _png(text: str) -> bytes:
    if len(text) > MOST_PAINTED:
        raise ProblemError(413, phrase("painted_too_large"))
    try:
        data = base64.b64decode(text.removeprefix("data:image/png;base64,"), validate=True)
    except (ValueError, binascii.Error):
        raise ProblemError(422, "strokes must be a PNG in base64") from None
    if data and not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ProblemError(422, "strokes must be a PNG in base64")
    return data


@router.get("/batches/{batch}/zip", response_class=StreamingResponse)
@router.get("/batches/{batch}.zip", response_class=StreamingResponse)
def archive(batch: str, context: Shared) -> StreamingResponse:
    """All finished pictures of a batch in one ZIP, made while it is sent."""
    found = [each for each in context.desk.batch(batch) if each.state == "done"]
    if not found:
        raise ProblemError(409, phrase("none_finished"), {"Retry-After": "2"})
    return StreamingResponse(
        _zipped(context, found),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="cut-outs-{batch[:8]}.zip"'},
    )


@router.get("/batches/{batch}")
def batch(batch: str, context: Shared) -> Batch:
    """The jobs of a batch."""
    return Batch(id=batch, jobs=context.desk.batch(batch))


def _zipped(context: Context, found: list[Job]) -> Iterator[bytes]:
    names: dict[str, int] = {}
    stream = ZipStream(compress_type=ZIP_STORED)  # pictures are compressed already
    for each in found:
        for output in each.outputs:
            place = context.settings.output_dir / output.path
            if place.is_file() and not place.is_symlink():
                number = names[place.name] = names.get(place.name, 0) + 1
                name = place.name if number == 1 else f"{place.stem} ({number}){place.suffix}"
                stream.add_path(place, name)
    yield from stream


@router.post("/instructions")
def instructions(wish: Instruction, context: Shared) -> Understood:
    """Turn a sentence in English or Chinese into preset and settings; nothing is processed yet."""
    found = understand(wish.text, context.settings)
    return Understood(
        preset=found.preset if found.usable else None,
        settings=dict(found.settings) if found.usable else {},
        said=list(found.said),
        unclear=list(found.unclear),
        refused=found.refused,
        by=found.by,
        note=found.note,
    )


@router.get("/presets")
def presets(context: Shared) -> list[PresetInfo]:
    """All presets, each with what differs from the default settings."""
    return [
        PresetInfo(name=name, settings=context.desk.differing(preset))
        for name, preset in sorted(context.desk.presets().items())
    ]
