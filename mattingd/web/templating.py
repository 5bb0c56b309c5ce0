"""Renders templates in the language that the browser asks for."""

from pathlib import Path
from typing import Any

from fastapi.requests import HTTPConnection
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from mattingd.web.words import LANGUAGES, chosen, translator
from mattingd.words import Language

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
LANGUAGE = "lang"
"""The cookie with the language that the user chose."""


def language_of(request: HTTPConnection) -> Language:
    """Return the language to answer in."""
    return chosen(request.cookies.get(LANGUAGE), request.headers.get("accept-language", ""))


def shown(
    request: HTTPConnection, template: str, here: str = "", code: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page, or a part of one.

    Args:
        request: the request it answers.
        template: name of the template file.
        here: the address of its entry in the navigation.
        code: HTTP status.
        values: variables of the template.
    """
    language = language_of(request)
    text = _PAGES.get_template(template).render(
        language=language,
        languages=LANGUAGES,
        t=translator(language),
        here=here,
        signed_in="mark" in request.session,
        **values,
    )
    return HTMLResponse(text, code, {"Vary": "Cookie, Accept-Language"})
