"""Models fetched by the page because somebody asked: in the background, with the reason where it fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import networks
import pytest
from publisher import Publisher

from tests.web.conftest import Page, eventually


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher() as publisher:
        yield publisher


@pytest.fixture
def shop(tmp_path: Path, publisher: Publisher) -> Iterator[Page]:
    """A page whose models come from a server of ours."""
    page = Page(tmp_path / "site")
    mirror = publisher.url.rpartition("/")[0]
    page.site.start(environment={"MATTINGD_MODEL_MIRROR": mirror})
    page.wait()
    yield page
    page.site.close()
    page.site.remove()


def ended(client: httpx.Client, model: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def over() -> bool:
        told = client.get("/api/v1/models/get").json()
        found.update(next(each for each in told if each["model"] == model))
        return str(found["state"]) != "running"

    eventually(over, f"{model} was fetched")
    return found


def test_a_model_is_fetched_when_asked_for_and_never_else(shop: Page, publisher: Publisher) -> None:
    publisher.content = networks.u2netp().read_bytes()
    with shop.client() as client:
        assert client.get("/now/catalogue").status_code == 200
        assert publisher.asked == [], "looking fetches nothing"
        first = client.post("/api/v1/models/get", json={"model": "u2netp"})
        assert (first.status_code, first.json()["state"]) == (202, "running")
        assert ended(client, "u2netp")["state"] == "done"
        rows = {row["model"]: row for row in client.get("/api/v1/models/catalogue").json()}
        assert rows["u2netp"]["installed"] == ["u2netp"]
        assert "installed" in client.get("/now/catalogue").text


def test_why_a_model_cannot_be_had_is_said(shop: Page, publisher: Publisher) -> None:
    publisher.plan = ["404"]
    with shop.client() as client:
        for model, why in (("u2net", "404"), ("rmbg-2.0", "licence"), ("no-such", "no model 'no-such'")):
            assert client.post("/api/v1/models/get", json={"model": model}).status_code == 202
            told = ended(client, model)
            assert (told["state"], why in told["said"]) == ("failed", True), told
        assert client.post("/api/v1/models/get", json={"model": "--mirror=x"}).status_code == 422
        assert "404" in client.get("/now/catalogue").text
