"""Where outputs lie: every name people can give, distinct, safe and inside the output root."""

import re
import unicodedata
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mattingd.core.output_paths import (
    LONGEST_NS,
    NAME_BYTES,
    NAMED,
    QUIET_NS,
    UNNAMED,
    Drops,
    folded,
    folder_of_drop,
    naming,
    next_version,
    pick,
    place,
    safe_component,
)
from mattingd.domain.jobs import Folder, Holder, Place, Recipe

DATE, DROP = "2026-11-20", "2026-11-20-1"
LAYOUTS = (
    "{date}/{folder}/{path}",
    "{date}/{path}",
    "{drop}/{folder}_{preset}/{path}",
    "{folder}-{stem}",
    "{drop}_{folder}_{preset}_{stem}_{stem}",
    "{date}",
    "/../{date}/./{folder}//{path}",
)
ALIKE = (
    "shoe", "Shoe", "SHOE", "shoe_v2", "shoe.jpg", "straße", "strasse", "STRASSE",
    "caf\u00e9", "cafe\u0301", "CAF\u00c9", "\u212b", "\u00e5", "ﬁ", "fi", "İ", "i̇", ".", "..", "...", "-rf",
    "--", " ", "a ", "~", "_", ".mattingd-1-0", "new\nline", "new\rline", "x" * 255, "y" * 250, "X" * 255,
    "ä" * 127, ".hidden", "a.b", "CON", "null\x7f",
)  # fmt: skip
SUFFIXES = ("", ".jpg", ".JPG", ".png", ".jpeg", ".tif", ".png.jpg", ".", ".error.txt", "." + "s" * 30)


def short(name: bytes) -> bytes:
    return name[:NAME_BYTES]


texts = st.builds(str.__add__, st.sampled_from(ALIKE), st.sampled_from(SUFFIXES)).map(
    lambda name: short(name.encode())
)
raw = st.binary(min_size=1, max_size=NAME_BYTES).map(
    lambda name: name.replace(b"/", b"_").replace(b"\0", b"_")
)
components = texts | raw
paths = st.lists(components, min_size=1, max_size=3).map(b"/".join)
folders = st.builds(
    Folder,
    id=st.just(1),
    name=st.sampled_from(["in", "In", "Köln", "x" * 300, "a/b"]),
    recipe=st.just(Recipe("r")),
    layout=st.sampled_from(LAYOUTS),
    preset_name=st.sampled_from(["product", "p" * 200]),
    endings=st.sampled_from([(".png",), (".jpg",), (".tif", "_matte.png"), (".png", "_matte.png", "_a.png")]),
)


@dataclass
class Places:
    """Who holds which place: what the journal's unique index knows."""

    held: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def give(self, folder: Folder, path: bytes) -> tuple[Place, ...]:
        """Place new content of a source."""

        def holder_of(name: str) -> Holder | None:
            holder = self.held.get(name)
            if holder is not None:
                return Holder.SELF if holder == (folder.id, path) else Holder.OTHER
            below = any(each.startswith(name + "/") for each in self.held)
            return Holder.FOLDER if below else None

        given = pick(naming(folder, path, DATE, DROP), holder_of)
        for each in given:
            assert folded(each.path) not in self.held
            self.held[folded(each.path)] = (folder.id, path)
        return given


def assert_safe(path: str) -> None:
    path.encode()  # no surrogate is left
    assert not path.startswith("/")
    for part in path.split("/"):
        assert part not in {"", ".", ".."}
        assert len(part.encode()) <= NAME_BYTES
        assert not any(unicodedata.category(char) == "Cc" for char in part)
        assert not part.startswith(".mattingd")


@given(folders, st.lists(paths, max_size=25))
def test_all_outputs_are_distinct_safe_and_inside_the_root(folder: Folder, sources: list[bytes]) -> None:
    """Not even folded, as Macs and Windows shares compare names; repeated sources are new content."""
    places = Places()
    given_places = [each for source in sources for each in places.give(folder, source)]
    assert len({folded(each.path) for each in given_places}) == len(sources) * len(folder.endings)
    for each in given_places:
        assert_safe(each.path)
        assert each.path.endswith(each.extension)


trees = st.lists(
    st.sampled_from([b"shoe.jpg", b"shoe.png", b"Shoe.PNG", b"shoe.jpg.png", b"a"]), min_size=1, max_size=4
)


@given(folders, st.lists(trees.map(b"/".join), max_size=25))
def test_no_output_has_the_name_of_a_folder_on_the_way_to_another(
    folder: Folder, sources: list[bytes]
) -> None:
    places = Places()
    names = {folded(each.path) for source in sources for each in places.give(folder, source)}
    ways = {name[:at] for name in names for at, char in enumerate(name) if char == "/"}
    assert not names & ways


def test_a_folder_that_is_named_like_a_cut_out_gets_another_name_and_the_other_way_round() -> None:
    folder = Folder(1, "in", Recipe("r"), layout="{path}")
    places = Places()
    given_places = [
        places.give(folder, path)[0].path for path in (b"shoe.jpg", b"shoe.png/a.jpg", b"shoe.png/b.jpg")
    ]
    assert given_places == ["shoe.png", "shoe.png_folder/a.png", "shoe.png_folder/b.png"]
    places = Places()
    given_places = [places.give(folder, path)[0].path for path in (b"shoe.png/a.jpg", b"shoe.jpg")]
    assert given_places == ["shoe.png/a.png", "shoe (jpg).png"]


@given(folders, paths)
def test_there_is_room_for_versions_and_notes(folder: Folder, source: bytes) -> None:
    wish = naming(folder, source, DATE, DROP)
    for base in (wish.plain, wish.full):
        for ending in wish.endings:
            assert_safe(place(base, 999, ending).path)
    assert_safe(wish.note)
    assert wish.note.endswith(".error.txt")
    assert "_failed" in wish.note.split("/")


@given(folders, paths, paths)
def test_a_note_is_never_in_the_way_of_an_output(folder: Folder, one: bytes, other: bytes) -> None:
    for ending in folder.endings:
        assert not naming(folder, one, DATE, DROP).note.endswith(ending)
        assert place(naming(folder, other, DATE, DROP).plain, 1, ending).path.endswith(ending)


@given(folders, paths, st.integers(2, 6))
def test_new_content_of_a_source_gets_the_next_version(folder: Folder, source: bytes, times: int) -> None:
    places = Places()
    given_places = [places.give(folder, source) for _ in range(times)]
    versions = [[each.version for each in together] for together in given_places]
    assert versions == [[number] * len(folder.endings) for number in range(1, times + 1)]
    assert len({each.base for together in given_places for each in together}) == 1


@given(components, components)
@example(b"a\nb.jpg", b"a_b.jpg")
@example(b"\xff.jpg", b"\xfe.jpg")
@example(b"x" * 254 + b"1", b"x" * 254 + b"2")
def test_distinct_names_stay_distinct(one: bytes, other: bytes) -> None:
    texts = [name.decode("utf-8", "surrogateescape") for name in (one, other)]
    if one != other and not any("~" in text for text in texts):
        assert safe_component(texts[0]) != safe_component(texts[1])


@given(components)
def test_a_safe_name_stays_as_it_is(name: bytes) -> None:
    safe = safe_component(name.decode("utf-8", "surrogateescape"))
    assert safe_component(safe) == safe


FOLDER = Folder(1, "in", Recipe("r"))


def given_in_turn(*sources: bytes) -> list[str]:
    places = Places()
    return [places.give(FOLDER, source)[0].path.removeprefix("2026-11-20/in/") for source in sources]


@pytest.mark.parametrize(
    ("sources", "outputs"),
    [
        ([b"shoe.jpg"], ["shoe.png"]),
        ([b"shoe.jpg", b"shoe.png"], ["shoe.png", "shoe (png).png"]),
        ([b"shoe.jpg", b"SHOE.png"], ["shoe.png", "SHOE (png).png"]),
        ([b"shoe.jpg", b"shoe.jpg", b"shoe.jpg"], ["shoe.png", "shoe_v2.png", "shoe_v3.png"]),
        ([b"shoe_v2.jpg", b"shoe.jpg", b"shoe.jpg"], ["shoe_v2.png", "shoe.png", "shoe_v3.png"]),
        ([b"shoe.jpg", b"shoe.png", b"shoe.png"], ["shoe.png", "shoe (png).png", "shoe (png)_v2.png"]),
        (
            [b"shoe.jpg", b"shoe.png", b"shoe (png).jpg"],
            ["shoe.png", "shoe (png).png", "shoe (png) (jpg).png"],
        ),
        ([b"x/hat.jpg", b"y/hat.jpg"], ["x/hat.png", "y/hat.png"]),
        (["caf\u00e9.jpg".encode(), "cafe\u0301.jpg".encode()], ["caf\u00e9.png", "cafe\u0301 (jpg).png"]),
        (["straße.jpg".encode(), b"STRASSE.jpg"], ["straße.png", "STRASSE (jpg).png"]),
        ([b"-rf.jpg", b".jpg", b"noext"], ["-rf.png", ".jpg.png", "noext.png"]),
        ([b"a.jpg", b"a"], ["a.png", "a_v2.png"]),
        ([b"a.jpg", b"a."], ["a.png", "a_v2.png"]),
        ([b"a.jpg", b"A.JPG", b"a.JPG"], ["a.png", "A (JPG).png", "a (JPG)_v2.png"]),
    ],
)
def test_names_as_people_meet_them(sources: list[bytes], outputs: list[str]) -> None:
    assert given_in_turn(*sources) == outputs


def test_a_source_goes_on_with_its_name_where_the_plain_one_became_free() -> None:
    places = Places()
    taken = [places.give(FOLDER, source)[0] for source in (b"shoe.jpg", b"shoe.tif")]
    del places.held[folded(taken[0].path)]
    assert places.give(FOLDER, b"shoe.tif")[0].path.endswith("/shoe (tif)_v2.png")
    assert places.give(FOLDER, b"shoe.jpg")[0].path.endswith("/shoe.png")


@pytest.mark.parametrize(
    ("layout", "shares", "note"),
    [
        (UNNAMED, False, "2026-11-20/_failed/shoe.jpg.error.txt"),
        (UNNAMED, True, "2026-11-20/_failed/in/shoe.jpg.error.txt"),
        (NAMED, True, "2026-11-20/in/_failed/shoe.jpg.error.txt"),
    ],
)
def test_notes_name_their_hot_folder_where_several_share_a_place(
    layout: str,
    shares: bool,  # noqa: FBT001 - a case
    note: str,
) -> None:
    assert naming(replace(FOLDER, layout=layout, shares=shares), b"shoe.jpg", DATE, DROP).note == note


@pytest.mark.parametrize(
    ("layout", "below"),
    [
        ("{date}/{folder}/{path}", "2026-11-20/shoes of May"),
        ("{folder}/{drop}/{path}", "shoes of May/2026-11-20-3"),
        ("{date}/{preset}/{path}", "2026-11-20"),
        ("{stem}/{path}", ""),
    ],
)
def test_the_folder_of_a_drop_is_above_all_of_its_cut_outs(layout: str, below: str) -> None:
    folder = Folder(1, "shoes of May", Recipe("hash"), layout)
    assert folder_of_drop(folder, "2026-11-20-3") == below
    assert naming(folder, b"red/shoe.jpg", DATE, "2026-11-20-3").plain.startswith(below)


def test_what_belongs_together_has_one_name() -> None:
    places, folder = Places(), replace(FOLDER, endings=(".png", "_matte.png"), layout="{path}")
    given_paths = [
        [each.path for each in places.give(folder, source)]
        for source in (b"shoe.jpg", b"shoe.jpg", b"hat_matte.png", b"hat.jpg", b"shoe.tif")
    ]
    assert given_paths == [
        ["shoe.png", "shoe_matte.png"],
        ["shoe_v2.png", "shoe_v2_matte.png"],
        ["hat_matte.png", "hat_matte_matte.png"],
        ["hat (jpg).png", "hat (jpg)_matte.png"],
        ["shoe (tif).png", "shoe (tif)_matte.png"],
    ]


def test_a_place_that_a_foreign_file_holds_gives_the_next_version() -> None:
    taken = place("shoe", 1, ".png")
    held = {"shoe_v2.png", "shoe_v3.png"}
    assert next_version(taken, held.__contains__).path == "shoe_v4.png"


# --- drops and dates ---


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 2 * QUIET_NS), st.booleans()), min_size=1, max_size=40
    )
)
def test_a_drop_closes_when_it_was_quiet_or_grew_old(files: list[tuple[int, int, bool]]) -> None:
    drops, now, day = Drops(), 0, 20
    last: dict[int, tuple[str, int, int]] = {}
    names: dict[int, list[str]] = {}
    for folder, pause, midnight in files:
        now, day = now + pause, day + midnight
        drop = drops.join(folder, f"2026-11-{day}", now)
        before = last.get(folder)
        goes_on = before is not None and now < before[1] + QUIET_NS and now < before[2] + LONGEST_NS
        if goes_on:
            assert before is not None
            assert drop.name == before[0]
        else:
            assert drop.name not in names.setdefault(folder, [])
            assert drop.date == f"2026-11-{day}"
            names[folder].append(drop.name)
        last[folder] = (drop.name, now, drop.opened)


def test_a_drop_over_midnight_keeps_its_date() -> None:
    drops = Drops()
    first = drops.join(1, "2026-11-20", 0)
    assert drops.join(1, "2026-11-21", QUIET_NS - 1) is first
    assert first.date == "2026-11-20"
    later = drops.join(1, "2026-11-21", 2 * QUIET_NS)
    assert (later.date, later.name) == ("2026-11-21", "2026-11-21-1")


def test_a_drop_ends_after_six_hours_however_busy_it_is() -> None:
    drops, now = Drops(), 0
    first = drops.join(1, "2026-11-20", now)
    while now < LONGEST_NS:
        assert drops.join(1, "2026-11-20", now) is first
        now += QUIET_NS - 1
    assert drops.join(1, "2026-11-20", LONGEST_NS).name == "2026-11-20-2"


def test_the_count_goes_on_after_a_restart() -> None:
    drops = Drops()
    drops.seed(1, "2026-11-20", 4)
    assert drops.join(1, "2026-11-20", 0).name == "2026-11-20-5"
    assert drops.join(2, "2026-11-20", 0).name == "2026-11-20-1"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("shoe.jpg", "shoe"),
        ("a: b?.jpg", "a_ b_~"),
        ("CON.jpg", "_CON~"),
        ("com1.tar.jpg", "_com1.tar~"),
        ("CONIN$.jpg", "_CONIN$~"),
        ("console.jpg", "console"),
        ("trailing./shoe.jpg", "trailing_~"),
        ("space /shoe.jpg", "space_~"),
        ("back\\slash.jpg", "back_slash~"),
    ],
)
def test_names_that_windows_accepts(name: str, safe: str) -> None:
    """On request; what is changed ends in a hash, so that distinct names stay distinct."""
    plain = Folder(1, "in", Recipe("{}"), layout="{path}", windows_names=True)
    path = naming(plain, name.encode(), "2026-11-20", "2026-11-20-1").plain
    assert path.startswith(safe), path
    assert not re.search(r'[<>:"|?*\\]|[. ](/|$)', path)
    untouched = naming(replace(plain, windows_names=False), name.encode(), "2026-11-20", "d").plain
    assert untouched == name.removesuffix(".jpg")


@given(st.binary(min_size=1, max_size=60).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_becomes_one_that_windows_accepts_and_stays_so(name: bytes) -> None:
    safe = safe_component(name.decode("utf-8", "surrogateescape"), windows=True)
    assert not re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', safe)
    assert not re.match(r"(con|conin\$|conout\$|prn|aux|nul|com\d|lpt\d)(\.|$)", safe, re.IGNORECASE)
    assert safe_component(safe, windows=True) == safe
