"""Faces, and ID photographs framed by them: on a photograph of a person and on pictures without one."""

import hashlib
from dataclasses import replace
from importlib import resources

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from mattingd.domain.presets import BUILT_IN
from mattingd.imaging.finishing import faces as detector
from mattingd.imaging.finishing.faces import Face, find
from mattingd.imaging.finishing.frame import frame_of
from mattingd.imaging.finishing.heads import doubts, faces_on_subject

ID_PHOTO = BUILT_IN["id-photo"]
WIDTH, HEIGHT = 295, 413

UInt8 = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def astronaut() -> UInt8:
    """NASA's portrait of Eileen Collins, 512 x 512 px; her face is around (225, 120)."""
    return np.asarray(data.astronaut(), np.uint8)


def person(shape: tuple[int, int], face: Face) -> UInt8:
    """A matte of a head with hair over shoulders, around a face."""
    matte = np.zeros(shape, np.uint8)
    middle, crown = (face.left + face.right) / 2, face.top - 0.5 * face.height
    centre = round(middle), round((crown + face.bottom) / 2)
    cv2.ellipse(
        matte, centre, (round(face.width * 0.5), round((face.bottom - crown) / 2)), 0, 0, 360, 255, -1
    )
    cv2.rectangle(
        matte,
        (round(middle - 1.4 * face.width), round(face.bottom)),
        (round(middle + 1.4 * face.width), shape[0]),
        255,
        -1,
    )
    return matte


def test_a_face_is_found_where_it_is(astronaut: UInt8) -> None:
    (face,) = find(astronaut)
    assert 190 < (face.left + face.right) / 2 < 255
    assert 60 < face.top < 110
    assert 145 < face.bottom < 190
    assert 70 < face.width < 130


def test_the_points_of_a_face_are_where_they_belong(astronaut: UInt8) -> None:
    (face,) = find(astronaut)
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.keypoints
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1] < face.bottom
    assert right_eye == pytest.approx((205, 102), abs=8)
    assert left_eye == pytest.approx((247, 105), abs=8)


@pytest.mark.parametrize("degrees", [-45, -30, 0, 30, 45])
def test_how_far_a_head_is_tilted(astronaut: UInt8, degrees: int) -> None:
    turned = cv2.warpAffine(
        astronaut, cv2.getRotationMatrix2D((225, 120), -degrees, 1), (512, 512), borderMode=cv2.BORDER_REFLECT
    )
    assert find(turned.astype(np.uint8))[0].tilt == pytest.approx(degrees, abs=6)


@pytest.mark.parametrize("turned", [False, True])
def test_no_face_where_there_is_none(*, turned: bool) -> None:
    for picture in (data.chelsea(), data.coffee(), data.rocket()):
        assert find(np.ascontiguousarray(picture[:, ::-1] if turned else picture)) == ()


def test_two_people_are_two_faces_and_a_small_one_behind_does_not_count(astronaut: UInt8) -> None:
    head = astronaut[:260, 90:360]
    assert len(find(np.hstack([head, head[:, ::-1]]))) == 2
    crowd = np.hstack([head, np.full((260, 110, 3), 90, np.uint8)])
    crowd[20:80, 300:362] = cv2.resize(head, (62, 60), interpolation=cv2.INTER_AREA)
    assert len(find(crowd)) == 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (40, 40)])
def test_any_size_of_picture_is_looked_at(shape: tuple[int, int]) -> None:
    assert find(np.full((*shape, 3), 128, np.uint8)) == ()


def test_a_face_that_is_small_in_the_picture_is_found_on_the_subject(astronaut: UInt8) -> None:
    far = np.full((2600, 2600, 3), 128, np.uint8)
    far[2000:2512, 1000:1512] = astronaut
    matte = np.zeros((2600, 2600), np.uint8)
    matte[2000:2512, 1080:1440] = 255
    assert find(far) == ()
    (face,) = faces_on_subject(far, matte)
    assert 1190 < (face.left + face.right) / 2 < 1255
    assert 2060 < face.top < 2110
    assert face.keypoints[0] == pytest.approx((1205, 2102), abs=12)


def test_a_face_that_the_matte_leaves_out_is_the_backgrounds(astronaut: UInt8) -> None:
    matte = np.zeros((512, 512), np.uint8)
    assert faces_on_subject(astronaut, matte) == ()
    matte[300:, 300:] = 255
    assert faces_on_subject(astronaut, matte) == ()


def cropped(astronaut: UInt8, rows: slice, columns: slice) -> tuple[str, ...]:
    """What is said of a part of the astronaut, enlarged twice, with the matte of a person there."""
    large = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    matte = person((1024, 1024), find(large)[0])
    picture, matte = (np.ascontiguousarray(each[rows, columns]) for each in (large, matte))
    shown = faces_on_subject(picture, matte)
    frame = frame_of(matte, ID_PHOTO, shown)
    assert frame is not None
    return tuple(map(str, doubts(matte, ID_PHOTO, shown, frame)))


ALL = slice(None)


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (slice(150, None), ALL, "cut off at the top"),
        (slice(None, 310), ALL, "cut off at the chin"),
        (ALL, slice(420, None), "cut off at the side"),
        (ALL, slice(None, 480), "cut off at the side"),
    ],
    ids=["top", "chin", "left", "right"],
)
def test_a_head_is_cut_off_at_any_side(astronaut: UInt8, rows: slice, columns: slice, said: str) -> None:
    assert cropped(astronaut, ALL, ALL) == ()
    (only,) = cropped(astronaut, rows, columns)
    assert said in only


def test_a_tilted_head_needs_checking() -> None:
    lying = replace(FACE, keypoints=((500, 350), (500, 450), (460, 400), (440, 400), (500, 310), (500, 490)))
    matte = person((1000, 1000), FACE)
    frame = frame_of(matte, ID_PHOTO, (lying,))
    assert frame is not None
    assert tuple(map(str, doubts(matte, ID_PHOTO, (lying,), frame))) == (
        "the head is tilted by 90 degrees: turn the picture upright",
    )


def test_the_head_stands_where_passport_offices_want_it(astronaut: UInt8) -> None:
    large = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    faces = find(large)
    matte = person((1024, 1024), faces[0])
    frame = frame_of(matte, ID_PHOTO, faces)
    assert frame is not None
    assert (frame.width, frame.height) == (WIDTH, HEIGHT)
    crown = faces[0].top - 0.5 * faces[0].height
    above = crown * frame.scale + frame.top
    chin = faces[0].bottom * frame.scale + frame.top
    assert above == pytest.approx(0.1 * HEIGHT, abs=4)
    assert (chin - above) / HEIGHT == pytest.approx(ID_PHOTO.fill, abs=0.03)
    middle = (faces[0].left + faces[0].right) / 2 * frame.scale + frame.left
    assert middle == pytest.approx(WIDTH / 2, abs=4)
    assert doubts(matte, ID_PHOTO, faces, frame) == ()


def test_a_collar_beside_the_chin_is_not_taken_for_hair(astronaut: UInt8) -> None:
    large = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    (face,) = find(large)
    matte = person((1024, 1024), face)
    plain = frame_of(matte, ID_PHOTO, (face,))
    chin, width = round(face.bottom), round(1.4 * face.width)
    middle = round((face.left + face.right) / 2)
    matte[chin - round(0.1 * face.height) : chin, middle - width : middle + width] = 255
    assert frame_of(matte, ID_PHOTO, (face,)) == plain


def test_a_raised_hand_is_not_taken_for_the_crown(astronaut: UInt8) -> None:
    large = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    faces = find(large)
    matte = person((1024, 1024), faces[0])
    plain = frame_of(matte, ID_PHOTO, faces)
    cv2.rectangle(matte, (900, 10), (960, 1000), 255, -1)
    assert frame_of(matte, ID_PHOTO, faces) == plain


FACE = Face(400, 300, 600, 500, 0.9)


@pytest.mark.parametrize(
    ("faces", "moved", "scale", "said"),
    [
        ((), 0, 1.0, ["no face was found"]),
        ((FACE, replace(FACE, left=420, right=600)), 0, 1.0, ["2 faces were found"]),
        ((FACE,), 250, 1.0, ["cut off at the top"]),
        ((FACE,), 0, 0.15, ["enlarged"]),
        ((), 0, 0.15, ["no face was found", "enlarged"]),
        ((FACE,), 0, 1.0, []),
        ((FACE, Face(10, 10, 110, 110, 0.9)), 0, 1.0, []),
    ],
    ids=["none", "two", "cut off", "small", "small and none", "good", "one in the background"],
)
def test_what_an_id_photograph_lacks_is_said_with_advice(
    faces: tuple[Face, ...], moved: int, scale: float, said: list[str]
) -> None:
    size = round(1000 * scale)
    matte = person((1000, 1000), FACE)
    matte = np.vstack([matte[moved:], np.full((moved, 1000), matte[-1:], np.uint8)])
    matte = cv2.resize(matte, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)
    shown = tuple(
        Face(f.left * scale, (f.top - moved) * scale, f.right * scale, (f.bottom - moved) * scale, f.score)
        for f in faces
    )
    frame = frame_of(matte, ID_PHOTO, shown)
    assert frame is not None
    told = doubts(matte, ID_PHOTO, shown, frame)
    assert len(told) == len(said)
    assert all(words in str(sentence) for words, sentence in zip(said, told, strict=True))
    assert all(": " in str(sentence) for sentence in told), "each says what helps"


def test_other_presets_have_no_doubts(astronaut: UInt8) -> None:
    matte = np.full((100, 100), 255, np.uint8)
    frame = frame_of(matte, BUILT_IN["marketplace"])
    assert frame is not None
    assert doubts(matte, BUILT_IN["marketplace"], find(astronaut), frame) == ()


def test_the_detector_is_read_by_opencv_4_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.delattr(cv2.dnn, "ENGINE_CLASSIC")
    monkeypatch.setattr(cv2.dnn, "readNetFromTFLite", lambda *arguments: asked.append(arguments))
    detector._network.__wrapped__()
    ((path,),) = asked
    assert str(path).endswith("face_detection_full_range.tflite")


def test_the_weights_are_those_that_are_named() -> None:
    folder = resources.files(detector.__package__) / "face_weights"
    digest = hashlib.sha256((folder / "face_detection_full_range.tflite").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text("utf-8")
