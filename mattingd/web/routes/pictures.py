"""The page: one picture, and the pictures of a batch.

A picture is shown as its newest version is: a job of a hot folder has a successor once it was made again.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from mattingd.system.clock import in_words
from mattingd.web.context import Context, Shared
from mattingd.web.routes.control import status_of
from mattingd.web.schemas import Job
from mattingd.web.templating import language_of, shown

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
UNENDED = frozenset({"waiting", "working"})
After = Annotated[int, Query(ge=0)]
"""The version that was the newest one when the next was asked for."""


@router.get("/jobs/{job}")
def job(request: Request, job: str, context: Shared) -> Response:
    """One picture."""
    told = _newest(request, context, job)
    if told.id != job:
        return RedirectResponse(f"/jobs/{told.id}", 303)
    return _job(request, "job.html", told, context)


@router.get("/jobs/{job}/body")
def body(request: Request, job: str, context: Shared) -> Response:
    """The same without the page around it."""
    return _job(request, "job_body.html", _newest(request, context, job), context)


@router.get("/jobs/{job}/newer")
def newer(request: Request, job: str, context: Shared, after: After = 0) -> Response:
    """The same once there is a later version; until then nothing."""
    told = asked_again(_newest(request, context, job), after)
    if told.state in UNENDED:
        return Response(status_code=204)
    return _job(request, "job_body.html", told, context)


@router.post("/jobs/{job}/retry")
def retry(job: str, context: Shared) -> Response:
    """Make it again, with the settings that it has."""
    context.desk.redo(job)
    return Response(status_code=204)


@router.post("/jobs/{job}/approve")
def approve(request: Request, job: str, context: Shared) -> Response:
    """It was looked at, and is good."""
    context.desk.approve(job)
    return _job(request, "job_body.html", _newest(request, context, job), context)


@router.get("/jobs/{job}/next")
def following(job: str, context: Shared) -> Response:
    """The next picture to check."""
    found = _next_one(context, context.desk.job(job))
    return RedirectResponse(f"/jobs/{found}" if found else "/history?needs_look=true", 303)


@router.get("/jobs/{job}/card")
def card(request: Request, job: str, context: Shared, after: After = 0) -> Response:
    """A picture in a grid; it shows itself anew until there is a later version."""
    told = asked_again(_newest(request, context, job), after)
    return shown(request, "card.html", job=told, after=after)


@router.post("/jobs/{job}/card")
def retry_card(request: Request, job: str, context: Shared) -> Response:
    """Make a picture in a grid again."""
    after = _newest(request, context, job).version
    context.desk.redo(job)
    return card(request, job, context, after)


def _newest(request: Request, context: Context, job: str) -> Job:
    words = language_of(request)
    told = context.desk.job(job, words)
    return context.desk.job(told.successor, words) if told.successor else told


def asked_again(told: Job, after: int) -> Job:
    """A job as it counts when another version than `after` is wanted: it waits until that is there."""
    return told.model_copy(update={"state": "waiting", "reason": ""}) if told.version <= after else told


def _next_one(context: Context, told: Job) -> str | None:
    """The id of the next older picture that needs a look; from the first one again after the last."""
    for cursor in (str(told.version), ""):
        found = context.desk.page(2, cursor, needs_look=True).items
        if other := next((each.id for each in found if each.id != told.id), None):
            return other
    return None


def _job(request: Request, template: str, told: Job, context: Context) -> Response:
    return shown(
        request,
        template,
        "/history",
        job=told,
        wanted=told.wanted,
        uploaded=not told.id.isdecimal(),
        next_one=_next_one(context, told),
        presets=sorted(context.desk.presets()),
        output_dir=context.settings.output_dir,
    )


@router.get("/batch/{batch}")
def batch(request: Request, batch: str, context: Shared) -> Response:
    """Many pictures."""
    next(context.desk.members(batch))
    return shown(request, "batch.html", "/", batch=batch)


@router.get("/batch/{batch}/grid")
def grid(request: Request, batch: str, context: Shared, after: After = 0) -> Response:
    """The pictures of a batch, as they are now; those that failed up to `after` wait to be made again."""
    known = context.desk.batch(batch, language_of(request))
    jobs = [asked_again(each, after) if each.state == "failed" else each for each in known]
    status = status_of(context)
    rate = status.rate if status else 0.0
    left = sum(each.state in UNENDED for each in jobs)
    eta = in_words(left / rate) if rate and left else ""
    return shown(request, "grid.html", batch=batch, jobs=jobs, rate=rate, eta=eta, after=after)


@router.post("/batch/{batch}/retry")
def retry_all(request: Request, batch: str, context: Shared) -> Response:
    """Make everything again that failed."""
    jobs = context.desk.batch(batch)
    context.desk.redo_all([each.id for each in jobs if each.state == "failed"])
    return grid(request, batch, context, max((each.version for each in jobs), default=0))
