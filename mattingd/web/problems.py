"""Answers errors as problem details (RFC 9457): what happened and what to do."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mattingd.api.client import NoAnswerError, NoDaemonError
from mattingd.journal import JournalError
from mattingd.web.templating import language_of, shown
from mattingd.web.words import Phrase, phrase

MEDIA_TYPE = "application/problem+json"
WRONGLY_ASKED = frozenset({"malformed", "unknown", "unknown folder"})
"""Codes of the daemon's refusals that are the client's fault."""


class Problem(BaseModel):
    """An error answer (RFC 9457); some have further members."""

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
    """A request that is refused or fails; becomes a problem in the answer."""

    def __init__(
        self, status: int, detail: str | Phrase, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        """State the problem.

        Args:
            status: of HTTP.
            detail: what happened and what to do; a phrase where users of the page read it.
            headers: further headers of the answer.
            more: further members of the problem.
        """
        super().__init__(str(detail))
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


def refused(
    request: HTTPConnection,
    status: int,
    detail: str | Phrase,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """Return a problem in the reader's language: a page for a browser that opens an address, else JSON."""
    said = detail if isinstance(detail, str) else detail.said(language_of(request))
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return problem(status, said, headers, **more)
    page = shown(request, "problem.html", code=status, detail=said)
    page.headers.update(headers or {})
    return page


def explain_errors(app: FastAPI) -> None:
    """Answer every expected error as a problem."""

    @app.exception_handler(ProblemError)
    async def _ours(request: Request, error: ProblemError) -> Response:
        return refused(request, error.status, error.detail, error.headers, **error.more)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        not_found = error.status_code == HTTPStatus.NOT_FOUND
        detail = phrase("no_page") if not_found else str(error.detail)
        return refused(request, error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        mistakes = [
            {"where": ".".join(str(part) for part in each["loc"]), "what": each["msg"]}
            for each in error.errors()
        ]
        said = "; ".join(f"{each['where']}: {each['what']}" for each in mistakes)
        return refused(request, HTTPStatus.UNPROCESSABLE_ENTITY, said, mistakes=mistakes)

    @app.exception_handler(NoDaemonError)
    async def _no_daemon(request: Request, _: NoDaemonError) -> Response:
        return refused(request, 503, phrase("no_daemon"), {"Retry-After": "5"})

    @app.exception_handler(NoAnswerError)
    async def _no_answer(request: Request, error: NoAnswerError) -> Response:
        if error.code in WRONGLY_ASKED:
            return refused(request, 422, str(error))
        return refused(request, 503, str(error), {"Retry-After": "5"})

    @app.exception_handler(JournalError)
    async def _no_journal(request: Request, error: JournalError) -> Response:
        return refused(request, 503, str(error), {"Retry-After": "5"})
