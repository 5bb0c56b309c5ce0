"""Serves addresses that other programs call already: those of cv_unet's page and of rembg's server."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from mattingd.web import rembg
from mattingd.web.context import Context, Shared
from mattingd.web.problems import ProblemError
from mattingd.web.receiving import form_of, taken, wanted_in
from mattingd.web.routes.v1 import FORM
from mattingd.web.waiting import ended

router = APIRouter(prefix="/api", tags=["one picture"])


@router.post("/matting", response_class=FileResponse, openapi_extra=FORM)
async def matting(request: Request, context: Shared) -> Response:
    """Answer with the finished picture: `image`, `preset` and settings, in the form or the query.

    The header `X-Model` names the model that made the matte (percent-encoded beyond ASCII). With the request
    header `Prefer: respond-async` the answer is 202 and a job.
    """
    async with form_of(request, context) as form:
        pictures = _pictures(form, "image", "file")
        return await _answered(request, context, pictures, wanted_in(_fields(request, form)))


@router.post("/remove", response_class=FileResponse, openapi_extra=rembg.FORM)
async def remove(request: Request, context: Shared) -> Response:
    """Answer rembg's clients: `file`, `model`, `om` (only the mask), `ppm`, `bgc` in the form or the query.

    The header `X-Model` names the model that made the matte; with `X-Model-Asked` the model asked for is not
    installed, and the one in use replaces it. The parameters of rembg's alpha matting are ignored: foreground
    colours are always estimated.
    """
    async with form_of(request, context) as form:
        fields = _fields(request, form)
        installed = await run_in_threadpool(context.desk.installed)
        settings = rembg.settings_of(fields, installed)
        asked = fields.get("model")
        replaced = {"X-Model-Asked": asked} if asked and "model" not in settings else {}
        pictures = _pictures(form, "file", "image")
        return await _answered(request, context, pictures, {"settings": settings}, replaced)


@router.get("/remove", include_in_schema=False)
def remove_url() -> Response:
    """Refuse what rembg's server does here: it fetches a picture from an address; this one calls nobody."""
    raise ProblemError(403, "pictures are not fetched from addresses; send the picture itself as `file`")


def _fields(request: Request, form: FormData) -> dict[str, str]:
    """Return the parameters of the query and the form; the form's win."""
    return dict(request.query_params) | {name: each for name, each in form.items() if isinstance(each, str)}


def _pictures(form: FormData, *names: str) -> list[UploadFile]:
    found = [each for name in names for each in form.getlist(name) if isinstance(each, UploadFile)]
    if len(found) > 1:
        raise ProblemError(422, "send one picture; many go to /api/v1/jobs")
    return found


async def _answered(
    request: Request,
    context: Context,
    pictures: list[UploadFile],
    wanted: dict[str, Any],
    more: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Take a picture in, and answer with the finished one and the headers in `more`."""
    _, (job,) = await taken(request, context, pictures, wanted)
    if "respond-async" in request.headers.get("prefer", ""):
        told = await run_in_threadpool(context.desk.job, job)
        return JSONResponse(told.model_dump(), HTTPStatus.ACCEPTED, {"Location": f"/api/v1/jobs/{job}"})
    told = await ended(context, job)
    if told.state in {"waiting", "working"}:
        return JSONResponse(told.model_dump(), HTTPStatus.ACCEPTED, {"Location": f"/api/v1/jobs/{job}"})
    if told.state != "done":
        raise ProblemError(422, told.reason or "it was taken back", job=told.model_dump())
    place = await run_in_threadpool(context.desk.result, job)
    headers = {"X-Job": job, "Cache-Control": "no-store", **more}
    if told.model is not None:
        headers["X-Model"] = as_header(told.model)
    if told.confidence is not None:
        headers["X-Confidence"] = f"{told.confidence:.3f}"
    return FileResponse(place, headers=headers, filename=place.name, content_disposition_type="inline")


def as_header(text: str) -> str:
    """Return a text as a header may contain it: percent-encoded where it is not printable ASCII."""
    return text if text.isascii() and text.isprintable() else quote(text)
