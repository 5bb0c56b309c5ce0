"""Models over the API: fetched on request in the background, and chosen by rembg's clients."""

from collections.abc import Iterator
from typing import Any

import httpx
import networks
import pytest
from publisher import Publisher

from mattingd.web import rembg
from mattingd.web.problems import ProblemError
from tests.daemon.harness import pictures
from tests.daemon.test_folder_models import installed
from tests.web.conftest import Page, eventually


@pytest.fixture(scope="module")
def publisher() -> Iterator[Publisher]:
    with Publisher() as publisher:
        yield publisher


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, publisher: Publisher) -> Iterator[Page]:
    """A page whose models come from a server of ours."""
    page = Page(tmp_path_factory.mktemp("shop") / "site")
    mirror = publisher.url.rpartition("/")[0]
    page.site.start(environment={"MATTINGD_MODEL_MIRROR": mirror}, ready=False)
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
    publisher.plan = [*("ok" for _ in publisher.asked), "404"]
    with shop.client() as client:
        for model, why in (("u2net", "404"), ("rmbg-2.0", "licence"), ("no-such", "no model 'no-such'")):
            assert client.post("/api/v1/models/get", json={"model": model}).status_code == 202
            told = ended(client, model)
            assert (told["state"], why in told["said"]) == ("failed", True), told
        assert client.post("/api/v1/models/get", json={"model": "--mirror=x"}).status_code == 422
        assert "404" in client.get("/now/catalogue").text


def made_by(client: httpx.Client, address: str, **fields: str) -> tuple[str, str | None]:
    """The model that made a cut-out, as the journal has it, and the one that was asked for in vain."""
    files = {"file": ("shoe.png", pictures.picture(4, 0, "png"), "image/png")}
    answer = client.post(address, files=files, data=fields)
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Model"], answer.headers.get("X-Model-Asked")


def test_rembgs_clients_get_the_model_they_name_if_it_is_installed(shop: Page) -> None:
    with shop.client() as client:
        assert made_by(client, "/api/remove", model="u2net") == ("cv-unet", "u2net")
        installed(shop.site, "u2net-rembg", 1)  # while the daemon runs
        assert made_by(client, "/api/remove?model=u2net") == ("u2net-rembg", None)
        assert made_by(client, "/api/remove", model="u2net") == ("u2net-rembg", None)
        assert made_by(client, "/api/matting", model="u2net-rembg") == ("u2net-rembg", None)
        assert made_by(client, "/api/remove") == ("cv-unet", None)
        files = {"file": ("shoe.png", pictures.picture(4, 0, "png"), "image/png")}
        for address, model in (("remove", "u2ned"), ("remove", "sam"), ("matting", "u2net")):
            refused = client.post(f"/api/{address}", files=files, data={"model": model})
            assert refused.status_code == 422
            assert "installed: cv-unet, u2net-rembg" in refused.json()["detail"]
        installed(shop.site, "鞋", 2)
        assert made_by(client, "/api/matting", model="鞋") == ("%E9%9E%8B", None)


@pytest.mark.parametrize(
    ("asked", "there", "model"),
    [
        ("", "cv-unet u2net", None),
        ("u2net", "cv-unet", None),
        ("u2net", "cv-unet u2net", "u2net"),
        ("u2net", "cv-unet u2net u2net-rembg", "u2net-rembg"),
        ("isnet-general-use", "isnet-general", "isnet-general"),
        ("birefnet-general-lite", "birefnet-lite-rembg birefnet-lite", "birefnet-lite-rembg"),
        ("birefnet-massive", "cv-unet", None),
        ("modnet", "cv-unet modnet", "modnet"),
    ],
)
def test_which_model_a_name_of_rembgs_means(asked: str, there: str, model: str | None) -> None:
    assert rembg.model_for(asked, there.split()) == model


@pytest.mark.parametrize("asked", ["u2net_cloth_seg", "sam", "u2net_custom", "U2NET", "no-such"])
def test_a_model_that_would_make_something_else_is_refused(asked: str) -> None:
    with pytest.raises(ProblemError, match="installed: cv-unet, u2net"):
        rembg.model_for(asked, ["u2net", "cv-unet"])
