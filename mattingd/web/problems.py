"""Errors of the API as problem details (RFC 9457): what happened, and what to do."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mattingd.api.client import NoAnswerError, NoDaemonError
from mattingd.journal import JournalError

MEDIA_TYPE = "application/problem+json"
WRONGLY_ASKED = frozenset({"malformed", "unknown", "unknown folder"})
"""Codes of the daemon's refusals that the request is to blame for."""


class Problem(BaseModel):
    """A request that was not granted (RFC 9457); some have further members."""

    type: str
    title: str
    status: int
    detail: str


_DOCUMENTED = {
    "description": "What happened and what to do, as problem details (RFC 9457).",
    "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
}
RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": _DOCUMENTED, "5XX": _DOCUMENTED}
"""For the OpenAPI document: every error has this form."""


class ProblemError(Exception):
    """A request that cannot be granted."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.more = more


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Return the answer that states a problem.

    Args:
        status: of HTTP.
        detail: what happened and what to do, for people.
        headers: further headers of the answer.
        more: further members of the problem.
    """
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body | more, status, headers, media_type=MEDIA_TYPE)


def explain_errors(app: FastAPI) -> None:
    """Have every expected error answered as a problem."""

    @app.exception_handler(ProblemError)
    async def _ours(_: Request, error: ProblemError) -> Response:
        return problem(error.status, error.detail, error.headers, **error.more)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        mistakes = [
            {"where": ".".join(str(part) for part in each["loc"]), "what": each["msg"]}
            for each in error.errors()
        ]
        said = "; ".join(f"{each['where']}: {each['what']}" for each in mistakes)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, said, mistakes=mistakes)

    @app.exception_handler(NoDaemonError)
    async def _no_daemon(_: Request, __: NoDaemonError) -> Response:
        return problem(503, "the daemon does not run; what was uploaded waits for it", {"Retry-After": "5"})

    @app.exception_handler(NoAnswerError)
    async def _no_answer(_: Request, error: NoAnswerError) -> Response:
        if error.code in WRONGLY_ASKED:
            return problem(422, str(error))
        return problem(503, str(error), {"Retry-After": "5"})

    @app.exception_handler(JournalError)
    async def _no_journal(_: Request, error: JournalError) -> Response:
        return problem(503, str(error), {"Retry-After": "5"})
