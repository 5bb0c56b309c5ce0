"""Addresses that other programs call already: the curl of cv_unet's page, and rembg's server."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from mattingd.web.context import Context, Shared
from mattingd.web.problems import ProblemError
from mattingd.web.receiving import form_of, taken, wanted_in
from mattingd.web.routes.v1 import FORM
from mattingd.web.waiting import ended

router = APIRouter(prefix="/api", tags=["one picture"])


@router.post("/matting", response_class=FileResponse, openapi_extra=FORM)
async def matting(request: Request, context: Shared) -> Response:
    """Answer with the finished picture. `image` is the picture; parameters come as fields or in the query.

    With the header `Prefer: respond-async` the answer is 202 and a job.
    """
    async with form_of(request, context) as form:
        pictures = _pictures(form, "image", "file")
        fields = dict(request.query_params) | {
            name: value for name, value in form.items() if isinstance(value, str)
        }
        return await _answered(request, context, pictures, wanted_in(fields))


@router.post("/remove", response_class=FileResponse, openapi_extra=FORM)
async def remove(request: Request, context: Shared) -> Response:
    """Rembg's address: `file`, and `om` (only the mask), `ppm`, `bgc`.

    Its alpha matting parameters are taken and not needed: foreground colours are always estimated.
    """
    async with form_of(request, context) as form:
        fields = dict(request.query_params) | {
            name: value for name, value in form.items() if isinstance(value, str)
        }
        return await _answered(request, context, _pictures(form, "file", "image"), _of_rembg(fields))


@router.get("/remove", include_in_schema=False)
def remove_url() -> Response:
    """Rembg's server fetches a picture from an address; this one does not call other machines."""
    raise ProblemError(403, "pictures are not fetched from addresses; send the picture itself as `file`")


def _of_rembg(fields: dict[str, str]) -> dict[str, Any]:
    """What rembg's parameters ask for.

    Raises:
        ProblemError: a model or a colour that it does not have.
    """
    settings: dict[str, Any] = {"format": "png"}
    if _yes(fields.get("om")):
        settings["content"] = "matte"
    if _yes(fields.get("ppm")):
        settings |= {"specks": 0.005, "feather": 1.0}
    if colour := fields.get("bgc"):
        try:
            red, green, blue, alpha = ([int(part) for part in colour.split(",")] + [255])[:4]
        except ValueError:
            raise ProblemError(422, "bgc must be red,green,blue,alpha, such as 255,255,255,255") from None
        if not all(0 <= part <= 255 for part in (red, green, blue, alpha)):  # noqa: PLR2004 - a byte
            raise ProblemError(422, "bgc must be red,green,blue,alpha, each from 0 to 255")
        if alpha:
            settings["background"] = f"#{red:02x}{green:02x}{blue:02x}"
    return {"settings": settings}


def _yes(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "yes", "on"}


def _pictures(form: FormData, *names: str) -> list[UploadFile]:
    found = [each for name in names for each in form.getlist(name) if isinstance(each, UploadFile)]
    if len(found) > 1:
        raise ProblemError(422, "send one picture; many go to /api/v1/jobs")
    return found


async def _answered(
    request: Request, context: Context, pictures: list[UploadFile], wanted: dict[str, Any]
) -> Response:
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
    headers = {"X-Job": job, "Cache-Control": "no-store"}
    if told.confidence is not None:
        headers["X-Confidence"] = f"{told.confidence:.3f}"
    return FileResponse(place, headers=headers, filename=place.name, content_disposition_type="inline")
