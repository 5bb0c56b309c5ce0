"""The page: one picture, and the pictures of a batch.

A picture is shown in its newest version: a job of a hot folder gets a successor when it is made again.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from mattingd.system.clock import in_words
from mattingd.web.context import Context, Shared
from mattingd.web.routes.control import status_of
from mattingd.web.schemas import Job
from mattingd.web.templating import language_of, shown
from mattingd.web.words import UNITS

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
UNENDED = frozenset({"waiting", "working"})
After = Annotated[int, Query(ge=0)]
"""The newest version when another one was requested."""


@router.get("/jobs/{job}")
def job(request: Request, job: str, context: Shared) -> Response:
    """Return the page of a picture."""
    told = _newest(request, context, job)
    if told.id != job:
        return RedirectResponse(f"/jobs/{told.id}", 303)
    return _job(request, "job.html", told, context)


@router.get("/jobs/{job}/body")
def body(request: Request, job: str, context: Shared) -> Response:
    """Return its content, without the page around it."""
    return _job(request, "job_body.html", _newest(request, context, job), context)


@router.get("/jobs/{job}/newer")
def newer(request: Request, job: str, context: Shared, after: After = 0) -> Response:
    """Return its content if there is a version after `after`; 204 until then."""
    told = asked_again(_newest(request, context, job), after)
    if told.state in UNENDED:
        return Response(status_code=204)
    return _job(request, "job_body.html", told, context)


@router.post("/jobs/{job}/retry")
def retry(job: str, context: Shared) -> Response:
    """Make a picture again with the settings that it has."""
    context.desk.redo(job)
    return Response(status_code=204)


@router.post("/jobs/{job}/approve")
def approve(request: Request, job: str, context: Shared) -> Response:
    """Record that the user approves its cut-outs."""
    context.desk.approve(job)
    return _job(request, "job_body.html", _newest(request, context, job), context)


@router.get("/jobs/{job}/next")
def following(job: str, context: Shared) -> Response:
    """Redirect to the next picture that needs checking."""
    found = _next_one(context, context.desk.job(job))
    return RedirectResponse(f"/jobs/{found}" if found else "/history?needs_look=true", 303)


@router.get("/jobs/{job}/card")
def card(request: Request, job: str, context: Shared, after: After = 0) -> Response:
    """Return a picture as a card; it reloads itself until there is a version after `after`."""
    told = asked_again(_newest(request, context, job), after)
    return shown(request, "card.html", job=told, after=after)


@router.post("/jobs/{job}/card")
def retry_card(request: Request, job: str, context: Shared) -> Response:
    """Make the picture of a card again."""
    after = _newest(request, context, job).version
    context.desk.redo(job)
    return card(request, job, context, after)


def _newest(request: Request, context: Context, job: str) -> Job:
    words = language_of(request)
    told = context.desk.job(job, words)
    return context.desk.job(told.successor, words) if told.successor else told


def asked_again(told: Job, after: int) -> Job:
    """Return a job as waiting until it has a version after `after`."""
    return told.model_copy(update={"state": "waiting", "reason": ""}) if told.version <= after else told


def _next_one(context: Context, told: Job) -> str | None:
    """Return the id of the next older picture that needs checking, at the end the newest; None if none."""
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
    """Return the page of a batch."""
    context.desk.members(batch)
    return shown(request, "batch.html", "/", batch=batch)


@router.get("/batch/{batch}/grid")
def grid(request: Request, batch: str, context: Shared, after: After = 0) -> Response:
    """Return the pictures of a batch; those that failed up to version `after` wait to be made again."""
    known = context.desk.batch(batch, language_of(request))
    jobs = [asked_again(each, after) if each.state == "failed" else each for each in known]
    status = status_of(context, language_of(request))
    rate = status.rate if status else 0.0
    left = sum(each.state in UNENDED for each in jobs)
    eta = in_words(left / rate, UNITS[language_of(request)]) if rate and left else ""
    return shown(request, "grid.html", batch=batch, jobs=jobs, rate=rate, eta=eta, after=after)


@router.post("/batch/{batch}/retry")
def retry_all(request: Request, batch: str, context: Shared) -> Response:
    """Make all failed pictures of a batch again."""
    jobs = context.desk.batch(batch)
    context.desk.redo_all([each.id for each in jobs if each.state == "failed"])
    return grid(request, batch, context, max((each.version for each in jobs), default=0))
