"""The API over a real daemon: pictures in, cut-outs out, and everything between."""

import hashlib
import hmac
import io
import json
import os
import signal
import subprocess
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from PIL import Image
from receivers import WebReceiver

import mattingd.cli
from mattingd.system import clock
from tests.daemon.harness import pictures
from tests.web.conftest import PATIENCE, SECRET, Page, eventually, free_port


def picture(number: int = 1) -> tuple[str, bytes, str]:
    return (f"shoe{number}.png", pictures.picture(number, 0, "png"), "image/png")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def ended(client: httpx.Client, job: str, state: str = "done") -> dict[str, Any]:
    told: dict[str, Any] = {}

    def over() -> bool:
        told.update(client.get(f"/api/v1/jobs/{job}").json())
        return told["state"] not in {"waiting", "working"}

    eventually(over, f"job {job} ended")
    assert told["state"] == state, told["reason"]
    return told


def test_one_call_answers_with_the_finished_picture(client: httpx.Client) -> None:
    answer = client.post(
        "/api/matting", files={"image": picture()}, data={"background": "white", "format": "jpeg"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert opened(answer.content).getpixel((0, 0)) == (255, 255, 255)
    plain = client.post("/api/matting", files={"image": picture()})
    assert opened(plain.content).mode == "RGBA"


def test_curl_as_the_documents_of_cv_unet_write_it(page: Page, tmp_path: Path) -> None:
    (tmp_path / "shoe.png").write_bytes(picture()[1])
    command = [
        "curl",
        "-sS",
        "-X",
        "POST",
        f"{page.url}/api/matting",
        "-F",
        "image=@shoe.png",
        "--output",
        "r.png",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert opened((tmp_path / "r.png").read_bytes()).mode == "RGBA"


def test_rembgs_clients_are_understood(client: httpx.Client) -> None:
    files = {"file": picture()}
    assert opened(client.post("/api/remove", files=files).content).mode == "RGBA"
    mask = opened(client.post("/api/remove", params={"om": "true"}, files=files).content)
    assert mask.mode == "L"
    red = opened(
        client.post("/api/remove", files=files, data={"bgc": "255,0,0,255", "a": "true", "af": "240"}).content
    )
    assert red.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    assert client.post("/api/remove", files=files, data={"bgc": "red"}).status_code == 422
    assert client.get("/api/remove", params={"url": "http://127.0.0.1/"}).status_code == 403


def test_a_job_is_told_of_from_the_first_moment(client: httpx.Client) -> None:
    answer = client.post("/api/matting", files={"image": picture(2)}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    job = answer.json()["id"]
    assert client.get(answer.headers["location"]).json()["id"] == job
    told = ended(client, job)
    assert told["outputs"][0]["path"].endswith(f"/web/{job}/shoe2.png")
    result = client.get(told["outputs"][0]["url"])
    assert opened(result.content).mode == "RGBA"
    assert client.get(f"/api/v1/jobs/{job}/source").content == picture(2)[1]
    assert opened(client.get(f"/api/v1/jobs/{job}/matte").content).mode == "L"
    small = opened(client.get(f"/api/v1/jobs/{job}/thumbnail", params={"side": 64}).content)
    assert (small.format, max(small.size)) == ("WEBP", 64)


def test_many_pictures_come_back_in_one_zip(client: httpx.Client) -> None:
    files = [("image", picture(number)) for number in (3, 4, 5)]
    batch = client.post("/api/v1/jobs", files=files, data={"settings": '{"format": "webp"}'}).json()
    for job in batch["jobs"]:
        ended(client, job["id"])
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"/api/v1/batches/{batch['id']}.zip").content))
    assert sorted(packed.namelist()) == ["shoe3.webp", "shoe4.webp", "shoe5.webp"]
    assert all(opened(packed.read(name)).format == "WEBP" for name in packed.namelist())


def test_the_same_key_makes_no_second_job(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "order 17"}
    first = client.post("/api/v1/jobs", files={"image": picture(6)}, headers=headers).json()
    again = client.post("/api/v1/jobs", files={"image": picture(6)}, headers=headers).json()
    assert [job["id"] for job in first["jobs"]] == [job["id"] for job in again["jobs"]]


def test_pages_of_jobs_hold_each_once(client: httpx.Client) -> None:
    ids = [client.post("/api/v1/jobs", files={"image": picture(7)}).json()["jobs"][0]["id"] for _ in range(5)]
    for job in ids:
        ended(client, job)
    seen, cursor = [], ""
    while True:
        told = client.get("/api/v1/jobs", params={"limit": 2, "cursor": cursor, "q": "SHOE7"}).json()
        seen += [job["id"] for job in told["items"]]
        if not (cursor := told["next"] or ""):
            break
    assert sorted(seen) == sorted(ids)
    assert client.get("/api/v1/jobs", params={"state": "failed", "q": "shoe7"}).json()["items"] == []


def test_other_settings_make_another_version(client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs", files={"image": picture(8)}).json()["jobs"][0]["id"]
    ended(client, job)
    assert client.post(f"/api/v1/jobs/{job}/redo", json={"settings": {"format": "jpeg"}}).status_code == 422
    wish = {"settings": {"format": "jpeg", "background": "red"}}
    assert client.post(f"/api/v1/jobs/{job}/redo", json=wish).status_code == 202
    eventually(
        lambda: (
            [output["path"][-4:] for output in client.get(f"/api/v1/jobs/{job}").json()["outputs"]]
            == [".jpg"]
        ),
        "the other version came",
    )


def test_versions_made_within_one_second_are_told_apart(client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs", files={"image": picture(8)}).json()["jobs"][0]["id"]
    ended(client, job)
    seen = [client.get(f"/api/v1/jobs/{job}").json()["version"]]
    for colour in ("red", "blue", "blue"):
        client.post(f"/api/v1/jobs/{job}/redo", json={"settings": {"background": colour}})
        eventually(
            lambda: (
                (told := client.get(f"/api/v1/jobs/{job}").json())["state"] == "done"
                and told["version"] > seen[-1]
            ),
            f"{colour} came, also where nothing changed",
        )
        seen.append(client.get(f"/api/v1/jobs/{job}").json()["version"])
    assert seen == sorted(set(seen))


def test_a_picture_that_was_sent_stands_behind_others_and_no_other_one(client: httpx.Client) -> None:
    sink = io.BytesIO()
    Image.new("RGB", (400, 300), (10, 200, 30)).save(sink, "PNG")
    sent = client.post("/api/v1/backgrounds", files={"image": ("hall.png", sink.getvalue(), "image/png")})
    assert sent.status_code == 201, sent.text
    name = sent.json()["background"]
    answer = client.post("/api/matting", files={"image": picture(15)}, data={"background": name})
    assert answer.status_code == 200, answer.text
    seen = opened(answer.content).convert("RGB").crop((199, 5, 200, 6)).tobytes()
    assert all(abs(a - b) < 4 for a, b in zip(seen, (10, 200, 30), strict=True)), seen
    job = client.get(f"/api/v1/jobs/{answer.headers['x-job']}").json()
    assert job["wanted"]["settings"]["background"] == name, "a path is told to nobody"
    assert client.post(f"/api/v1/jobs/{job['id']}/redo", json=job["wanted"]).status_code == 202
    ended(client, job["id"])
    bad = client.post("/api/v1/backgrounds", files={"image": ("a.png", b"no picture", "image/png")})
    assert bad.status_code == 422
    for wrong in ("picture:" + "0" * 64, "picture:../../etc/passwd", "/etc/passwd", "hall.png"):
        files = {"image": picture(15)}
        assert client.post("/api/matting", files=files, data={"background": wrong}).status_code == 422, wrong


def test_pictures_to_check_are_gone_through_one_after_the_other(client: httpx.Client) -> None:
    unsure = (Path(mattingd.cli.__file__).parent / "demo_pictures" / "coffee.jpg").read_bytes()
    files = [("image", (f"cup{number}.jpg", unsure, "image/jpeg")) for number in range(3)]
    for job in client.post("/api/v1/jobs", files=files).json()["jobs"]:
        ended(client, job["id"])
    queue = [job["id"] for job in client.get("/api/v1/jobs", params={"needs_look": True}).json()["items"]]
    assert len(queue) >= 3
    seen = [queue[0]]
    for _ in queue:
        seen.append(client.get(f"/jobs/{seen[-1]}/next").headers["location"].rpartition("/")[2])
    assert seen == [*queue, queue[0]]
    approved = client.post(f"/jobs/{queue[0]}/approve").text
    assert "data-approve" not in approved
    assert "data-next" in approved, "the next one is still a key away"


def test_what_came_by_a_hot_folder_is_there_too(page: Page, client: httpx.Client) -> None:
    (page.site.hot[0] / "boot.png").write_bytes(picture(9)[1])
    page.site.wait_ended([page.site.hot[0] / "boot.png"], PATIENCE)
    (job,) = client.get("/api/v1/jobs", params={"folder": "in"}).json()["items"]
    assert (job["name"], job["folder"], job["state"]) == ("boot.png", "in", "done")
    assert opened(client.get(job["outputs"][0]["url"]).content).mode == "RGBA"
    assert client.delete(f"/api/v1/jobs/{job['id']}").status_code == 409


def test_a_picture_that_is_none_says_why(client: httpx.Client) -> None:
    answer = client.post("/api/matting", files={"image": ("a.jpg", b"<html>not here</html>", "image/jpeg")})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["job"]["state"] == "failed"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"background": "/etc/passwd"}, "must be a colour"),
        ({"format": "exe"}, "format"),
        ({"quality": "900"}, "quality"),
        ({"preset": "nope"}, "nope"),
        ({"settings": "["}, "JSON object"),
        ({"settings": '{"finisher": "x"}'}, "no such setting: finisher"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(
    client: httpx.Client, data: dict[str, str], said: str
) -> None:
    answer = client.post("/api/matting", files={"image": picture()}, data=data)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_errors_are_told_in_the_readers_language_and_to_browsers_as_a_page(client: httpx.Client) -> None:
    reader = {"Accept": "text/html", "Accept-Language": "zh-CN"}
    for path, said in ((f"/jobs/{'0' * 32}", "没有这张图片"), ("/nothing", "没有这个页面")):
        page = client.get(path, headers=reader)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert said in page.text
    plain = client.get(f"/api/v1/jobs/{'0' * 32}", headers=reader)
    assert (plain.status_code, plain.json()["detail"]) == (404, "没有这张图片")
    assert client.get("/nothing").json()["detail"] == "there is no such page"


def test_why_a_picture_waits_is_told_in_the_readers_language(page: Page, client: httpx.Client) -> None:
    half = page.site.hot[0] / "half.png"
    half.write_bytes(picture(77)[1][:-200])

    def told(language: str) -> str:
        return client.get("/now/state", headers={"Accept-Language": language}).text

    try:
        eventually(lambda: "the picture is cut off" in told("en"), "the page says why it waits")
        assert "图片不完整" in told("zh-CN")
        assert "cut off" not in told("zh-CN")
        assert "the picture is cut off" in client.get("/history").text, "on its card as well"
    finally:
        half.unlink()


def test_folders_are_paused_and_go_on(page: Page, client: httpx.Client) -> None:
    assert client.post("/api/v1/folders/pause", json={"folders": ["in"]}).json()["folders"][0]["paused"]
    assert next(each for each in client.get("/api/v1/folders").json() if each["name"] == "in")["paused"]
    assert not client.post("/api/v1/folders/resume", json={"folders": []}).json()["folders"][0]["paused"]
    assert client.post("/api/v1/folders/rescan", json={"folders": ["in"]}).status_code == 200
    assert client.post("/api/v1/folders/pause", json={"folders": ["x"]}).status_code == 404


def test_the_page_says_from_when_on_a_folder_is_worked_on(page: Page, client: httpx.Client) -> None:
    config = page.site.config
    before, opens = config.read_text(), f"{clock.wall() + timedelta(hours=3):%H:%M}"
    document = yaml.safe_load(before)
    document["hot_folders"][0]["hours"] = f"{opens}-{clock.wall() + timedelta(hours=4):%H:%M}"
    config.write_text(yaml.safe_dump(document))
    try:
        assert page.site.command("reload").returncode == 0
        for language, says in (("en", "waits for its hours, from"), ("zh", "开始于")):
            told = client.get("/now", headers={"Accept-Language": language}).text
            assert f"{says} {opens}" in told
    finally:
        config.write_text(before)
        page.site.command("reload")
    assert "waits for its hours" not in client.get("/now", headers={"Accept-Language": "en"}).text


def test_events_tell_of_pictures_that_end(page: Page, client: httpx.Client) -> None:
    eventually(lambda: bool(client.get("/api/v1/log").json()), "the page follows the daemon")
    heard: list[str] = []
    here = threading.Event()

    def listen() -> None:
        with page.client() as other, other.stream("GET", "/api/v1/events") as stream:
            here.set()
            for line in stream.iter_lines():
                heard.append(line)
                if line.startswith("data:") and "shoe10.png" in line:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert here.wait(PATIENCE)
    client.post("/api/matting", files={"image": picture(10)})
    thread.join(PATIENCE)
    assert "event: ended" in heard
    assert any(line.startswith("id: ") for line in heard)


def test_it_says_whether_pictures_can_be_done(client: httpx.Client) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").status_code == 200
    assert client.get("/api/v1/status").json()["engine"]["state"] == "ready"
    assert {each["name"] for each in client.get("/api/v1/presets").json()} >= {"transparent", "id-photo"}


def test_models_doctor_and_retention_are_those_of_the_command_line(client: httpx.Client) -> None:
    assert client.get("/api/v1/models").status_code == 200
    assert client.get("/api/v1/doctor").status_code == 200
    assert client.get("/api/v1/retention").status_code == 200
    assert client.post("/api/v1/models/use", json={"model": "--help"}).status_code == 422


def test_the_page_that_is_killed_comes_back_and_no_upload_is_lost(page: Page, client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs", files={"image": picture(11)}).json()["jobs"][0]["id"]
    os.kill(page.web_process(), signal.SIGKILL)
    page.wait()
    with page.client() as other:
        ended(other, job)


def test_forty_requests_do_not_notice_that_the_model_is_loaded_anew(client: httpx.Client) -> None:
    def cut_out(number: int) -> int:
        files = {"image": (f"many{number}.png", pictures.picture(60 + number, 0, "png"), "image/png")}
        return client.post("/api/matting", files=files).status_code

    with ThreadPoolExecutor(40) as crowd:
        answers = [crowd.submit(cut_out, number) for number in range(20)]
        reloaded = client.post("/api/reload-model")
        answers += [crowd.submit(cut_out, number) for number in range(20, 40)]
        again = client.post("/api/reload-model")
    assert (reloaded.status_code, again.status_code) == (200, 200), (reloaded.text, again.text)
    assert [answer.result() for answer in answers] == [200] * 40


def test_a_sentence_becomes_settings_that_are_shown_first(client: httpx.Client) -> None:
    told = client.post("/api/v1/instructions", json={"text": "white background, jpeg, under 200 KB"}).json()
    assert told["settings"] == {"background": "#ffffff", "format": "jpeg", "max_kb": 200}
    assert len(told["said"]) >= 3
    wish = {"image": picture(13)}
    data = {"settings": json.dumps(told["settings"])}
    assert opened(client.post("/api/matting", files=wish, data=data).content).format == "JPEG"
    refused = client.post("/api/v1/instructions", json={"text": "delete all originals"}).json()
    assert (refused["settings"], refused["preset"]) == ({}, None)
    assert refused["refused"]


def test_another_program_is_told_once_it_answers_with_a_signature(client: httpx.Client) -> None:
    receiver = WebReceiver(free_port(), ["500"])
    files = {"image": picture(14)}
    wrong = {"callback": "http://localhost/hook"}
    assert client.post("/api/v1/jobs", files=files, data=wrong).status_code == 422
    with receiver.listening():
        wish = {"callback": receiver.url}
        job = client.post("/api/v1/jobs", files=files, data=wish).json()["jobs"][0]["id"]
        eventually(lambda: bool(receiver.taken), "the callback came")
    ((headers, body),) = receiver.taken
    assert receiver.attempts == 2
    assert genuine(body, headers["X-Mattingd-Signature"], SECRET)
    told = json.loads(body)
    assert (told["event"], told["id"], told["job"]["state"]) == ("job.ended", job, "done")


def genuine(body: bytes, header: str, secret: str) -> bool:
    """As docs/WEB.md shows it."""
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, header)


def test_metrics_are_those_of_the_daemon(client: httpx.Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "mattingd_waiting_files" in answer.text
