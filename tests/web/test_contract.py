"""The OpenAPI document as a contract: what it allows is answered as it says, and nothing ends in a fault."""

import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.web.conftest import PATIENCE, Page

EXAMPLES = 5
OTHERWISE = re.compile(r"/events|/doctor|/retention|/models|reload-model")
"""A stream without an end, and what starts a command line each time: tested by name elsewhere."""
PROMISES = [not_a_server_error, content_type_conformance, response_schema_conformance]

patient = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_whatever_the_document_allows_is_answered_as_it_says(page: Page) -> None:
    document = schemathesis.openapi.from_url(f"{page.url}/api/openapi.json")
    broken, tried = [], 0
    for found in document.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if OTHERWISE.search(operation.path):
            continue
        tried += 1
        try:
            answered(operation, page.url)
        except FailureGroup as problem:
            broken.append(f"{operation.label}: {problem}")
    assert tried > 20
    assert not broken, "\n\n".join(broken)


def answered(operation: Any, url: str) -> None:
    @patient
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        case.call_and_validate(base_url=url, checks=PROMISES, timeout=PATIENCE)

    call()
