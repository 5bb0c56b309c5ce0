"""Builds the web application of its parts."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.middleware.sessions import SessionMiddleware

from mattingd import __version__
from mattingd.config import Settings
from mattingd.web import callbacks
from mattingd.web.context import Context
from mattingd.web.desk import Desk
from mattingd.web.live import Live
from mattingd.web.previews import Maker
from mattingd.web.problems import RESPONSES, explain_errors
from mattingd.web.routes import compat, control, events, pages, pictures, v1
from mattingd.web.security import App, Guard, Keys, Rates, session_secret

STATIC = Path(__file__).parent / "static"
TIDY_SECONDS = 600.0
SESSION_SECONDS = 14 * 24 * 3600


def create_app(settings: Settings, config: Path) -> App:
    """Return the web application for a configuration, with its guard and sessions.

    Args:
        settings: the configuration.
        config: its file, which commands get.

    Raises:
        SecretsError: the password, the tokens or the callback secret cannot be read.
    """
    keys = Keys(settings.web)
    callbacks.secret_of(settings.web)
    desk = Desk(settings)
    desk.uploads.root.mkdir(mode=0o750, parents=True, exist_ok=True)
    secret = session_secret(settings.state_dir)
    context = Context(
        settings,
        config,
        desk,
        keys,
        Rates(),
        uuid.uuid5(uuid.NAMESPACE_OID, secret),
        Maker(),
        Live(settings.state_dir),
    )
    app = FastAPI(
        title="mattingd",
        version=__version__,
        summary="Cut-outs of pictures: the page's own interface, and that of your programs.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses=RESPONSES,
        lifespan=_living,
    )
    app.state.context = context
    explain_errors(app)
    for router in (
        v1.router,
        compat.router,
        control.api,
        control.router,
        events.router,
        pictures.router,
        pages.router,
    ):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    guarded = Guard(app, settings.web, keys)
    return SessionMiddleware(
        guarded,
        secret,
        session_cookie="mattingd",
        max_age=SESSION_SECONDS,
        same_site="strict",
        https_only=settings.web.certificate is not None,
    )


@asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    context.live.start(asyncio.get_running_loop())
    tasks = [asyncio.create_task(callbacks.deliver_all(context)), asyncio.create_task(_tidy(context))]
    try:
        yield
    finally:
        context.stopping.append(True)
        context.live.stop()
        context.fetches.stop()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await context.maker.close()


async def _tidy(context: Context) -> None:
    while True:
        with suppress(OSError):
            if removed := await run_in_threadpool(context.desk.tidy):
                structlog.get_logger().info("uploads removed", uploads=removed)
        await asyncio.sleep(TIDY_SECONDS)
