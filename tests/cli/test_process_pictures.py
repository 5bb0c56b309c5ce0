"""`process` over pictures of every kind: each format, damaged ones, an alpha of their own, strokes."""

from pathlib import Path

import cv2
import hostile
import numpy as np
import pytest
from PIL import Image, ImageDraw

import mattingd
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats.errors import NO_END
from tests.cli.conftest import pictures, run
from tests.imaging import documents
from tests.imaging.pictures import encode, heic, photo

EMPTY = Reason.of("empty_file")
DEMO = Path(mattingd.__file__).parent / "cli" / "demo_pictures"


@pytest.mark.model
def test_with_the_real_model(tmp_path: Path) -> None:
    from skimage import data  # noqa: PLC0415 - only here

    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.jpg", quality=95)
    answer = run("process", "astronaut.jpg", "-o", "out", cwd=tmp_path, MATTINGD_TEST_ENGINE="0")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("1 done in ")
    with Image.open(tmp_path / "out" / "astronaut.png") as image:
        alpha = np.asarray(image.getchannel("A"))
    assert alpha[120, 220] > 250, "her face"
    assert 0.2 < (alpha > 128).mean() < 0.8
    Image.fromarray(data.rocket()).save(tmp_path / "rocket.jpg", quality=95)
    both = ("rocket.jpg", "astronaut.jpg", "-o", "out")
    unsure = run("process", *both, cwd=tmp_path, MATTINGD_TEST_ENGINE="0")
    look, account, _ = unsure.out.splitlines()
    assert look.startswith("look    rocket.jpg: needs a look, confidence 0.")
    assert account.startswith("1 done, 1 done before in ")


def test_every_format_goes_all_the_way(tmp_path: Path) -> None:
    """Deep ones come out deep; who is cut off, or has nothing in it to read, is told so."""
    picture = photo(320, 240)
    deep = picture.astype(np.uint16) * 257
    phone = heic(picture)
    files = {
        "phone.heic": phone,
        "web.avif": encode(picture, "AVIF"),
        "scan.tif": bytes(cv2.imencode(".tiff", deep)[1]),
        "layers.psd": documents.psd(deep.transpose(2, 0, 1), packed=True),
        "camera.dng": documents.dng(320, 240),
        "cut.heic": phone[: len(phone) // 2],
        "alone.psd": documents.psd(picture.transpose(2, 0, 1), resources={1057: b"\0\0\0\1\0"}),
    }
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    answer = run("process", "in", "-o", "out", cwd=tmp_path)
    assert answer.code == 1
    assert "\n5 done, 2 failed in " in answer.out
    assert "failed  cut.heic: the picture is cut off (" in answer.out
    assert "failed  alone.psd: this Photoshop document has no merged picture in it" in answer.out
    bits = {path.stem: path.read_bytes()[24] for path in (tmp_path / "out").glob("*.png")}
    assert bits == {"phone": 8, "web": 8, "scan": 16, "layers": 16, "camera": 16}


def test_what_may_not_be_all_there_is_published_and_named(tmp_path: Path) -> None:
    whole = hostile.encoded()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "short.jpg").write_bytes(whole[:-2])
    (tmp_path / "in" / "whole.jpg").write_bytes(whole + bytes(90_000))
    told = run("process", "in", "-o", "out", "--json", cwd=tmp_path).json
    assert (told["done"], [each["file"] for each in told["needs_look"]]) == (2, ["short.jpg"])


def test_a_picture_that_is_cut_out_already_keeps_its_alpha(tmp_path: Path) -> None:
    """Presets tidy up what a model guessed; an alpha of somebody's own is no guess, unless they say so."""
    logo = Image.new("RGBA", (300, 200), (255, 255, 255, 0))
    pen = ImageDraw.Draw(logo)
    pen.ellipse((40, 60, 110, 140), fill=(220, 40, 60, 255))
    for x in range(150, 280, 4):
        pen.line((x, 60, x, 140), fill=(20, 30, 60, 200))
    (tmp_path / "in").mkdir()
    logo.save(tmp_path / "in" / "logo.png")
    Image.fromarray(np.zeros((50, 60, 4), np.uint8)).save(tmp_path / "in" / "nothing.png")
    kept = run("process", "in", "-o", "kept", "--preset", "product", "--json", cwd=tmp_path).json
    assert (kept["done"], kept["needs_look"]) == (1, [])
    assert [each["reason"] for each in kept["failed"]] == [str(Reason.of("all_transparent"))]
    alpha = np.asarray(logo)[:, :, 3]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "kept" / "logo.png"))[:, :, 3], alpha)
    run("process", "in", "-o", "cut", "--set", "own_alpha=cut", cwd=tmp_path)
    cut = np.asarray(Image.open(tmp_path / "cut" / "logo.png"))[:, :, 3]
    assert (cut <= alpha).all()


def test_the_model_may_take_away_from_what_somebody_cut_out_loosely(tmp_path: Path) -> None:
    """A photograph that was cut out by hand with most of the background left."""
    photograph = Image.open(DEMO / "astronaut.jpg").convert("RGBA")
    loosely = Image.new("L", photograph.size, 255)
    ImageDraw.Draw(loosely).rectangle((0, 0, photograph.width // 10, photograph.height), fill=0)
    photograph.putalpha(loosely)
    (tmp_path / "in").mkdir()
    photograph.save(tmp_path / "in" / "her.png")
    alpha = np.asarray(loosely)
    run("process", "in", "-o", "kept", cwd=tmp_path)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "kept" / "her.png"))[:, :, 3], alpha)
    run("process", "in", "-o", "cut", "--set", "own_alpha=cut", cwd=tmp_path, MATTINGD_TEST_ENGINE="")
    cut = np.asarray(Image.open(tmp_path / "cut" / "her.png"))[:, :, 3]
    assert (cut <= alpha).all()
    assert (cut[alpha == 255] == 0).mean() > 0.2, "a good part of the background is gone"
    assert (cut[alpha == 255] == 255).mean() > 0.3, "and the subject is not"


def test_damage_may_be_a_failure(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "short.jpg").write_bytes(hostile.encoded()[:-2])
    told = run("process", "in", "-o", "out", "--json", "--set", "on_damage=fail", cwd=tmp_path).json
    assert [each["reason"] for each in told["failed"]] == [f"{NO_END}; `on_damage` says that this fails"]


def test_strokes_beside_a_picture_make_its_next_version(tmp_path: Path) -> None:
    (picture,) = pictures(tmp_path / "in", 1)
    assert run("process", "in", "-o", "out", cwd=tmp_path).code == 0
    with Image.open(picture) as image:
        width, height = image.size
    strokes = Image.new("RGBA", (width, height))
    strokes.paste((255, 0, 0, 255), (width // 4, height // 2 - 3, width * 3 // 4, height // 2 + 3))
    beside = picture.with_name(f"{picture.stem}.drop.png")
    strokes.save(beside)
    alone = run("process", beside, "-o", "out", cwd=tmp_path)
    assert (alone.code, alone.err) == (
        2,
        "mattingd: these are strokes only: name the pictures that they belong to\n",
    )
    answer = run("process", picture, beside, "-o", "out", cwd=tmp_path)
    assert (answer.code, answer.out.split(",")[0]) == (0, "1 done")
    first, second = (
        cv2.imread(str(tmp_path / "out" / f"{picture.stem}{version}.png"), cv2.IMREAD_UNCHANGED)
        for version in ("", "_v2")
    )
    assert first is not None
    assert second is not None
    assert (first[height // 2, width // 2, 3], second[height // 2, width // 2, 3]) == (255, 0)
    assert run("process", "in", "-o", "out", cwd=tmp_path).out.startswith("1 done before.")
