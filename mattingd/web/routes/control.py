"""`/api/v1`: the state of the daemon, and what users may tell it to do."""

from http.client import HTTPConnection, HTTPException
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from mattingd.api.client import NoAnswerError, NoDaemonError, ask
from mattingd.api.schemas import answers, requests
from mattingd.web import verbs
from mattingd.web.context import Context, Shared
from mattingd.web.problems import ProblemError
from mattingd.web.schemas import Fetched, FolderWish, Health, LogLine, ModelGet, ModelWish
from mattingd.words import Language

router = APIRouter(tags=["the daemon"])
api = APIRouter(prefix="/api/v1", tags=["the daemon"])


@api.get("/status")
def status(context: Shared) -> dict[str, Any]:
    """What the daemon is doing: engine, counts, queue, folders, space."""
    return _plain(ask(context.settings.state_dir, requests.Status()))


@api.get("/queue")
def queue(
    context: Shared,
    after: Annotated[str, Query(max_length=40)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Pictures that wait or are in work, oldest first."""
    return _plain(ask(context.settings.state_dir, requests.Queue(after=after, limit=limit)))


@api.get("/folders")
def folders(context: Shared) -> list[dict[str, Any]]:
    """The hot folders, each with its state."""
    return list(_plain(ask(context.settings.state_dir, requests.Status()))["folders"])


@api.post("/folders/pause")
def pause(wish: FolderWish, context: Shared) -> dict[str, Any]:
    """Pause hot folders: pictures in work are finished, no other is begun."""
    return _plain(ask(context.settings.state_dir, requests.Pause(paused=True, folders=_roots(context, wish))))


@api.post("/folders/resume")
def resume(wish: FolderWish, context: Shared) -> dict[str, Any]:
    """Resume hot folders."""
    return _plain(
        ask(context.settings.state_dir, requests.Pause(paused=False, folders=_roots(context, wish)))
    )


@api.post("/folders/rescan")
def rescan(wish: FolderWish, context: Shared) -> dict[str, Any]:
    """Scan hot folders now."""
    return _plain(ask(context.settings.state_dir, requests.Rescan(folders=_roots(context, wish))))


@api.get("/models")
async def models(context: Shared) -> Any:
    """The installed models, and which one is in use."""
    return await verbs.run(context, "models", "list")


@api.get("/models/catalogue")
async def catalogue(context: Shared) -> Any:
    """All published models: what each is good for, its licences, whether it fits this machine."""
    return await verbs.run(context, "models", "list", "--all")


@api.post("/models/get", status_code=202)
async def get(wish: ModelGet, context: Shared) -> Fetched:
    """Fetch a model of the catalogue in the background, verify it and try it."""
    model = _plain_word(wish.model)
    fetch = context.fetches.begin(context, model, accept_licence=wish.accept_licence)
    return Fetched(model=model, state=fetch.state, said=fetch.said)


@api.get("/models/get")
async def fetched(context: Shared) -> list[Fetched]:
    """The models that were requested since the page started, each with its progress."""
    return [
        Fetched(model=model, state=each.state, said=each.said)
        for model, each in context.fetches.known.items()
    ]


@api.post("/models/use")
async def use(wish: ModelWish, context: Shared) -> Any:
    """Use another model, without a stop; if it fails its test, the model in use stays."""
    return await verbs.run(context, "models", "use", _plain_word(wish.model))


@api.post("/models/rollback")
async def rollback(context: Shared) -> Any:
    """Return to the previous model."""
    return await verbs.run(context, "models", "rollback")


@api.get("/doctor")
async def doctor(context: Shared) -> Any:
    """Check the set-up; every finding has a remedy."""
    return await verbs.run(context, "doctor", judged=False)


@api.get("/retention")
async def retention(context: Shared) -> Any:
    """The files that retention would remove now."""
    return await verbs.run(context, "clean", "--dry-run", judged=False)


@api.get("/log")
def log(context: Shared) -> list[LogLine]:
    """The last lines of the daemon's log, oldest first."""
    return context.live.lines()


@router.post("/api/reload-model", tags=["one picture"])
async def reload_model(context: Shared) -> Any:
    """Load the model in use again, in a new process; pictures in work are not affected."""
    return await verbs.run(context, "models", "reload")


@router.get("/healthz")
def healthz() -> Health:
    """Whether the page works."""
    return Health(status="ok")


@router.get("/readyz")
async def readyz(context: Shared, response: Response) -> Health:
    """Whether pictures can be processed now; 503 if not."""
    try:
        told = await run_in_threadpool(ask, context.settings.state_dir, requests.Status())
    except (NoDaemonError, NoAnswerError) as error:
        response.status_code = 503
        return Health(status="not ready", why=str(error) or "the daemon does not run")
    if told.engine.state not in {"ready", "asleep"}:
        response.status_code = 503
        return Health(status="not ready", why=f"the engine is {told.engine.state}")
    return Health(status="ok")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(context: Shared) -> Response:
    """The daemon's metrics in the Prometheus format, if `metrics.port` is set."""
    port = context.settings.metrics.port
    if not port:
        raise ProblemError(404, "the daemon keeps no metrics; set metrics.port in the configuration")
    peer = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        peer.request("GET", "/metrics")
        answer = peer.getresponse()
        return Response(answer.read(), media_type=answer.getheader("Content-Type"))
    except (OSError, HTTPException) as error:
        raise ProblemError(503, f"the daemon gives no metrics: {error}", {"Retry-After": "5"}) from None
    finally:
        peer.close()


def status_of(context: Context, language: Language) -> answers.Status | None:
    """Return the daemon's status, its reasons in a language; None while it does not answer."""
    try:
        return ask(context.settings.state_dir, requests.Status(language))
    except (NoDaemonError, NoAnswerError):
        return None


def _plain(answer: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(answer)
    return plain


def _roots(context: Context, wish: FolderWish) -> tuple[str, ...]:
    known = {name: root for root, name in context.desk.names.items()}
    if unknown := [name for name in wish.folders if name not in known]:
        raise ProblemError(404, f"there is no hot folder {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return tuple(known[name].hex() for name in wish.folders)


def _plain_word(text: str) -> str:
    """Return a name that no command line takes for an option.

    Raises:
        ProblemError: it could be taken for one.
    """
    if text.startswith("-") or not text.isprintable():
        raise ProblemError(422, f"{text!r} is not the name of a model")
    return text
