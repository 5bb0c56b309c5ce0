"""The page: cutting out, history, state of the daemon, sign-in."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from mattingd.language import understand
from mattingd.system.clock import in_words
from mattingd.web import verbs
from mattingd.web.context import Context, Shared
from mattingd.web.problems import ProblemError
from mattingd.web.routes import control
from mattingd.web.schemas import FolderWish, JobState, ModelGet, ModelWish
from mattingd.web.security import LOGINS_PER_MINUTE
from mattingd.web.templating import LANGUAGE, language_of, shown
from mattingd.web.words import LANGUAGES, UNITS

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
YEAR = 365 * 24 * 3600
PAGE = 48
"""Number of pictures on a page of the history."""


@router.get("/")
def cut(request: Request, context: Shared) -> Response:
    """Return the start page, where users drop pictures."""
    return shown(request, "cut.html", "/", presets=sorted(context.desk.presets()))


@router.post("/say")
def say(request: Request, context: Shared, text: Annotated[str, Form(max_length=1000)] = "") -> Response:
    """Return what a sentence means, for the user to confirm."""
    found = understand(text, context.settings)
    wanted = json.dumps({"preset": found.preset, "settings": dict(found.settings)}) if found.usable else ""
    return shown(
        request,
        "understood.html",
        said=found.said,
        unclear=found.unclear,
        refused=found.refused,
        wanted=wanted,
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """The parameters of the history: filters, and how to show it."""

    q: Annotated[str, Query(max_length=200)] = ""
    state: str = ""
    folder: str = ""
    needs_look: bool = False
    view: Literal["grid", "table"] = "grid"


@router.get("/history")
def history(request: Request, context: Shared, filters: Annotated[Filters, Depends()]) -> Response:
    """Return the history."""
    return _history(request, context, "history.html", "", filters)


@router.get("/history/items")
def items(
    request: Request,
    context: Shared,
    filters: Annotated[Filters, Depends()],
    cursor: Annotated[str, Query(pattern=r"^[0-9]{0,18}$")] = "",
) -> Response:
    """Return one page of the history; the browser's address follows the filters."""
    answer = _history(request, context, "items.html", cursor, filters)
    if not cursor:
        given = {name: value for name, value in request.query_params.items() if value}
        answer.headers["HX-Replace-Url"] = "/history" + (f"?{urlencode(given)}" if given else "")
    return answer


def _history(request: Request, context: Context, template: str, cursor: str, filters: Filters) -> Response:
    if filters.state and filters.state not in JobState.__args__:  # type: ignore[attr-defined]
        raise ProblemError(422, "there is no such state")
    page = context.desk.page(
        PAGE,
        cursor,
        state=filters.state,
        folder=filters.folder,
        needs_look=filters.needs_look,
        query=filters.q,
        words=language_of(request),
    )
    folders = sorted(context.desk.names.values())
    return shown(
        request, template, "/history", page=page, cursor=cursor, filters=filters, folders=folders,
        output_dir=context.settings.output_dir,
    )  # fmt: skip


@router.get("/now")
def now(request: Request, context: Shared) -> Response:
    """Return the state of the daemon."""
    return _now(request, context, "now.html")


@router.get("/now/state")
def state(request: Request, context: Shared) -> Response:
    """Return the part of it that changes."""
    return _now(request, context, "state.html")


def _now(request: Request, context: Context, template: str) -> Response:
    status = control.status_of(context, language_of(request))
    eta = in_words(status.eta_seconds, UNITS[language_of(request)]) if status and status.eta_seconds else ""
    return shown(request, template, "/now", status=status, eta=eta)


@router.post("/now/folder/{what}")
def folder(request: Request, what: str, context: Shared, name: Annotated[str, Form()]) -> Response:
    """Pause, resume or scan a hot folder."""
    doing = {"pause": control.pause, "resume": control.resume, "rescan": control.rescan}.get(what)
    if doing is None:
        raise ProblemError(404, "there is no such action")
    doing(FolderWish(folders=[name]), context)
    return _now(request, context, "state.html")


@router.get("/now/models")
async def models(request: Request, context: Shared, problem: str = "") -> Response:
    """Return the installed models."""
    try:
        told: Any = await verbs.run(context, "models", "list")
    except ProblemError as error:
        told, problem = [], problem or str(error)
    found = told.get("models", []) if isinstance(told, dict) else told
    return shown(request, "models.html", models=[_model(each) for each in found], problem=problem)


@router.get("/now/catalogue")
async def catalogue(request: Request, context: Shared) -> Response:
    """Return the models of the catalogue."""
    return await _catalogue(request, context)


@router.post("/now/catalogue")
async def get_model(
    request: Request,
    context: Shared,
    model: Annotated[str, Form(max_length=100)],
    agreed: Annotated[bool, Form()] = False,  # noqa: FBT002 - a field of the form
) -> Response:
    """Fetch a model of the catalogue."""
    await control.get(ModelGet(model=model, accept_licence=agreed), context)
    return await _catalogue(request, context)


async def _catalogue(request: Request, context: Context) -> Response:
    try:
        told = await control.catalogue(context)
    except ProblemError as error:
        return shown(request, "catalogue.html", rows=[], running=False, problem=str(error))
    known = context.fetches.known
    rows = [each | {"fetch": known.get(each["model"])} for each in told if each["can_be_fetched"]]
    running = any(fetch.state == "running" for fetch in known.values())
    return shown(request, "catalogue.html", rows=rows, running=running, problem="")


def _model(told: dict[str, Any]) -> dict[str, Any]:
    return {"name": told["model"], "sha256": told["sha256"], "origin": told["from"], "used": told["in_use"]}


@router.post("/now/models/use")
async def use(request: Request, context: Shared, model: Annotated[str, Form()]) -> Response:
    """Use another model."""
    try:
        await control.use(ModelWish(model=model), context)
    except ProblemError as error:
        return await models(request, context, str(error))
    return await models(request, context)


@router.post("/now/models/rollback")
async def rollback(request: Request, context: Shared) -> Response:
    """Return to the previous model."""
    try:
        await control.rollback(context)
    except ProblemError as error:
        return await models(request, context, str(error))
    return await models(request, context)


@router.get("/now/doctor")
async def doctor(request: Request, context: Shared) -> Response:
    """Return the findings of the doctor, with remedies."""
    try:
        told = await control.doctor(context)
    except ProblemError as error:
        return shown(request, "doctor.html", findings=[], problem=str(error))
    return shown(request, "doctor.html", findings=told["findings"], problem="")


@router.get("/now/retention")
async def retention(request: Request, context: Shared) -> Response:
    """Return what retention would remove."""
    try:
        plan = await control.retention(context)
    except ProblemError as error:
        return shown(request, "retention.html", plan=None, problem=str(error))
    size = f"{plan['freed'] / 1e6:,.1f} MB"
    return shown(request, "retention.html", plan=plan, size=size, most=PAGE, problem="")


@router.get("/api")
def interface(request: Request) -> Response:
    """Return the description of the API."""
    document = request.app.openapi()
    named = document.get("components", {}).get("schemas", {})

    def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = named.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        return found

    return shown(request, "docs.html", "/api", paths=document["paths"], schema_of=schema_of)


@router.get("/language/{code}")
def language(request: Request, code: str) -> Response:
    """Set the language, and return to the page before."""
    if code not in LANGUAGES:
        raise ProblemError(404, "there is no such language")
    answer = RedirectResponse(_back(request), 303)
    answer.set_cookie(LANGUAGE, code, max_age=YEAR, samesite="strict", httponly=True)
    return answer


def _back(request: Request) -> str:
    """Return the path on this site that the browser came from."""
    path = request.headers.get("referer", "").partition("://")[2].partition("/")[2]
    return "/" + path.lstrip("/\\")


@router.get("/login")
def login(request: Request) -> Response:
    """Return the sign-in page."""
    return shown(request, "login.html", wrong="")


@router.post("/login")
async def sign_in(
    request: Request, context: Shared, password: Annotated[str, Form(max_length=1000)]
) -> Response:
    """Start a session if the password is right."""
    client = request.client.host if request.client else "?"
    if not context.rates.take("login", client, LOGINS_PER_MINUTE):
        return shown(request, "login.html", code=429, wrong="too_often")
    if not await run_in_threadpool(context.keys.has_password, password):
        return shown(request, "login.html", code=401, wrong="wrong_password")
    request.session.clear()
    request.session["mark"] = context.keys.mark()
    return RedirectResponse("/", 303)


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End the session."""
    request.session.clear()
    return RedirectResponse("/login", 303)
