"""What must not be possible, each as somebody would try it, over a page with a password and a token."""

import contextlib
import io
import socket
import zipfile
from collections.abc import Iterator

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.requests import HTTPConnection

from mattingd.config import Web
from mattingd.web import callbacks
from mattingd.web.problems import ProblemError, refused
from tests.daemon.harness import pictures
from tests.web.conftest import PATIENCE, Page, eventually

PASSWORD = "correct horse battery"  # noqa: S105 - of this test
TOKEN = "t" * 40


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("guarded")
    (root / "hash").write_text(PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD))
    (root / "tokens").write_text(f"# of the shop\n{TOKEN}\n")
    web = {"password_file": str(root / "hash"), "token_file": str(root / "tokens"), "max_upload_mb": 1}
    page = Page(root / "site", web)
    page.start()
    yield page
    page.site.close()
    page.site.remove()


@pytest.fixture
def token(guarded: Page) -> Iterator[httpx.Client]:
    with guarded.client(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


@pytest.fixture
def nobody(guarded: Page) -> Iterator[httpx.Client]:
    with guarded.client() as client:
        yield client


def test_without_password_or_token_nothing_is_told(nobody: httpx.Client) -> None:
    for path in ("/api/v1/jobs", "/api/v1/status", "/api/openapi.json", "/api/v1/events", "/jobs/1"):
        assert nobody.get(path).status_code == 401, path
    for path in ("/api/matting", "/api/remove", "/api/v1/folders/pause", "/api/reload-model"):
        assert nobody.post(path).status_code == 401, path
    assert nobody.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"
    assert nobody.get("/api/v1/jobs", headers={"Authorization": f"Bearer {TOKEN[:-1]}"}).status_code == 401
    assert nobody.get("/api/v1/jobs", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    assert nobody.get("/healthz").status_code == 200
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert nobody.get("/metrics", headers=known).status_code == 404, "the daemon keeps none"


def test_a_session_begins_with_the_password_and_is_another_one_each_time(nobody: httpx.Client) -> None:
    nobody.cookies.set("mattingd", "chosen-by-an-attacker")
    assert nobody.post("/login", data={"password": "wrong"}).status_code == 401
    answer = nobody.post("/login", data={"password": PASSWORD})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "chosen-by-an-attacker" not in cookie
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    nobody.cookies.clear()
    nobody.cookies.set("mattingd", answer.cookies["mattingd"])
    assert nobody.get("/api/v1/jobs").status_code == 200
    nobody.cookies.clear()
    assert nobody.get("/api/v1/jobs").status_code == 401


def test_passwords_are_not_guessed_by_the_thousand(nobody: httpx.Client) -> None:
    guesses = (
        nobody.post("/login", data={"password": f"guess {number}"}).status_code for number in range(200)
    )
    assert next((code for code in guesses if code != 401), None) == 429


def test_pages_of_other_sites_can_do_nothing(token: httpx.Client) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = token.post("/api/v1/folders/pause", json={"folders": []}, headers=headers)
        assert answer.status_code == 403, headers
    same = {"Origin": str(token.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert token.post("/api/v1/folders/rescan", json={"folders": []}, headers=same).status_code == 200


def test_another_name_for_this_machine_is_refused(token: httpx.Client) -> None:
    """A name of the attacker's that leads to 127.0.0.1: DNS rebinding."""
    for host in ("evil.example", "evil.example:7860", "127.0.0.1.evil.example"):
        assert token.get("/api/v1/jobs", headers={"Host": host}).status_code in {400, 421}, host


def test_every_answer_says_what_browsers_may_do(token: httpx.Client) -> None:
    for path in ("/", "/api/v1/jobs", "/nothing", "/static/app.js"):
        headers = token.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "wrong",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "a" * 32,
        "0" * 40,
        "-1",
        "1e9",
        "%00",
        "' OR 1=1 --",
    ],
)
def test_no_parameter_leads_out_of_its_folder(token: httpx.Client, wrong: str) -> None:
    for path in (
        "jobs/{}",
        "jobs/{}/result",
        "jobs/{}/source",
        "jobs/{}/matte",
        "jobs/{}/thumbnail",
        "batches/{}.zip",
    ):
        assert token.get("/api/v1/" + path.format(wrong)).status_code in {404, 405, 422}, path
    assert token.get(f"/static/{wrong}").status_code in {404, 405}
    assert token.get("/api/v1/jobs", params={"cursor": wrong, "folder": wrong, "q": wrong}).status_code in {
        200,
        422,
    }


def test_names_of_files_stay_names(guarded: Page, token: httpx.Client) -> None:
    data = pictures.picture(1, 0, "png")
    for name in (
        "../../../tmp/owned.png",
        "/etc/cron.d/x.png",
        "a/../../b.png",
        "<img onerror=alert(1)>.png",
    ):
        answer = token.post("/api/v1/jobs", files={"image": (name, data, "image/png")})
        assert answer.status_code == 202
        assert "/" not in answer.json()["jobs"][0]["name"]
    everything = [path for path in guarded.site.root.rglob("*") if path.is_file()]
    assert not any(
        "owned" in path.name and path.parts[-3] != "uploads" and "out" not in path.parts
        for path in everything
    )


def test_what_is_too_large_is_refused_before_it_is_stored(guarded: Page, token: httpx.Client) -> None:
    big = ("big.png", b"\x89PNG" + bytes(2_000_000), "image/png")
    answer = token.post("/api/v1/jobs", files={"image": big})
    assert answer.status_code == 413
    assert "max_upload_mb" in answer.json()["detail"]
    huge = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(10_000_000_000)}
    with socket.create_connection(("127.0.0.1", guarded.port), PATIENCE) as peer:
        lines = [f"{name}: {value}" for name, value in (huge | {"Authorization": f"Bearer {TOKEN}"}).items()]
        peer.sendall("\r\n".join(["POST /api/v1/jobs HTTP/1.1", "Host: localhost", *lines, "", ""]).encode())
        assert b" 413 " in peer.recv(4096)
    left = [
        path
        for path in (guarded.site.state / "uploads").rglob("*")
        if path.is_file() and path.stat().st_size > 1_500_000
    ]
    assert left == []


def test_a_body_without_an_end_is_counted_as_it_comes(guarded: Page) -> None:
    """Chunked: no length is stated, and more than is allowed comes."""
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n"
    part = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    first = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    answer = b""
    with socket.create_connection(("127.0.0.1", guarded.port), PATIENCE) as peer:
        peer.sendall(head.encode() + b"%x\r\n" % len(first) + first + b"\r\n")
        with contextlib.suppress(OSError):
            for _ in range(80):
                peer.sendall(part)
        with contextlib.suppress(OSError):
            answer = peer.recv(4096)
    assert b" 413 " in answer or answer == b""


def test_a_picture_of_a_hundred_billion_pixels_harms_nobody(token: httpx.Client) -> None:
    import struct  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 300_000, 300_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100_000), 9))
        + chunk(b"IEND", b"")
    )
    answer = token.post("/api/matting", files={"image": ("bomb.png", bomb, "image/png")})
    assert answer.status_code == 422
    assert "megapixels" in answer.json()["detail"]


def test_no_secret_stands_in_the_log(guarded: Page, token: httpx.Client) -> None:
    refused = {"Authorization": f"Bearer {TOKEN}x"}
    request = token.post("/api/v1/folders/rescan", params={"token": TOKEN}, headers=refused)
    assert request.status_code == 401
    written = f'"request": "{request.headers["x-request-id"]}"'
    eventually(lambda: written in guarded.site.log.read_text(encoding="utf-8"), "the request was logged")
    assert TOKEN not in token.get("/api/v1/log").text
    token.get("/nothing%0aforged%1b[31m")
    eventually(
        lambda: "/nothing%0aforged%1b" in guarded.site.log.read_text(encoding="utf-8"), "the next, too"
    )
    log = guarded.site.log.read_text(encoding="utf-8")
    assert TOKEN not in log
    assert PASSWORD not in log
    key = guarded.site.state / "web-session.key"
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://localhost:22/",
        "gopher://x",
        "http://a:b@shop.example/",
        "http://shop.example.evil/",
    ],
)
def test_callbacks_go_where_the_configuration_says(url: str) -> None:
    with pytest.raises(ProblemError):
        callbacks.allowed(url, Web(callback_hosts=("shop.example",)))
    assert callbacks.allowed("https://shop.example/x", Web(callback_hosts=("shop.example",)))


def test_a_name_that_leads_into_our_network_is_not_called() -> None:
    with pytest.raises(ProblemError, match="not a public address"):
        callbacks._address_of("http://localhost/hook")


def test_a_callback_goes_to_the_address_that_was_looked_at() -> None:
    """A name server that answers differently the second time (DNS rebinding) is not asked a second time."""
    request = callbacks._request("https://shop.example:8443/hook?x=1", "203.0.113.7", b"{}", {"X-A": "b"})
    assert str(request.url) == "https://203.0.113.7:8443/hook?x=1"
    assert request.headers["host"] == "shop.example:8443"
    assert request.extensions["sni_hostname"] == "shop.example"
    assert callbacks._address_of("http://127.0.0.1/hook") == "127.0.0.1", "named in the configuration"


def test_names_in_a_zip_lead_nowhere(token: httpx.Client) -> None:
    names = ["../../../tmp/slip.png", "..\\..\\slip.png", "/etc/slip.png", "slip.png"]
    files = [("image", (name, pictures.picture(2, 0, "png"), "image/png")) for name in names]
    batch = token.post("/api/v1/jobs", files=files).json()
    archive = f"/api/v1/batches/{batch['id']}.zip"

    def all_done() -> bool:
        told = [token.get(f"/api/v1/jobs/{job['id']}").json() for job in batch["jobs"]]
        return all(job["state"] == "done" for job in told)

    eventually(all_done, "all were done")
    packed = zipfile.ZipFile(io.BytesIO(token.get(archive).content)).namelist()
    assert len(packed) == len(set(packed)) == 4
    assert not [name for name in packed if "/" in name or "\\" in name or name.startswith(".")]


def test_a_batch_of_ones_own_is_no_path(token: httpx.Client) -> None:
    files = {"image": ("a.png", pictures.picture(3, 0, "png"), "image/png")}
    for batch in ("../../../../tmp", "a/../b", "A" * 32, "%2e%2e"):
        assert token.post("/api/v1/jobs", files=files, data={"batch": batch}).status_code == 422, batch


def test_a_page_that_says_no_has_the_headers_of_the_answer() -> None:
    asked = HTTPConnection(
        {"type": "http", "path": "/now", "headers": [(b"accept", b"text/html")], "session": {}}
    )
    answer = refused(asked, 503, "the daemon does not run", {"Retry-After": "5"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
