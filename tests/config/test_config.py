"""The configuration file: what is taken and what becomes of it."""

import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd import config
from mattingd.config.schema import Common
from mattingd.domain.presets import BUILT_IN, Pin, Preset, recipe_hash

BASE = """\
output_dir: /srv/out
state_dir: /srv/state
hot_folders:
  - path: /srv/in
"""
LOCAL = "28 1 254:0 / / rw - ext4 /dev/vda rw\n"


def parsed(extra: str = "", *, text: str = BASE, where: str | Path = "/etc/config.yaml") -> config.Settings:
    return config.parse(text + extra, where, mountinfo=LOCAL)


def test_three_settings_are_enough() -> None:
    settings = parsed()
    assert (settings.output_dir, settings.state_dir) == (Path("/srv/out"), Path("/srv/state"))
    (folder,) = settings.hot_folders
    assert (folder.path, folder.name, folder.preset, folder.existing) == (
        Path("/srv/in"),
        "in",
        "transparent",
        "process",
    )
    assert folder.recipe == Preset()
    assert folder.recipe_hash == recipe_hash(Preset(), "cv-unet")
    assert dict(settings.presets) == dict(BUILT_IN)


def test_every_group_is_read() -> None:
    settings = parsed("""
timezone: Europe/Berlin
layout: "{drop}/{preset}-{stem}"
watch: {settle_seconds: 3, truncated_minutes: 1.5, rescan_seconds: 7, poll_seconds: 2, mode: poll}
engine: {device: "cuda:1", precision: bf16, batch_size: 4, batch_wait_ms: 0, require_gpu: true, threads: 2}
limits: {max_megapixels: 50, max_megabytes: 10, workers: 3, picture_seconds: 9, memory_megapixels: 60}
retry: {first_seconds: 1, cap_seconds: 2, give_up_minutes: 0}
stop_seconds: 5
log: {format: json, level: debug}
""")
    assert (settings.timezone, settings.layout) == ("Europe/Berlin", "{drop}/{preset}-{stem}")
    assert settings.watch == config.Watch(3.0, 1.5, 7.0, 2.0, "poll")
    assert settings.engine == config.Engine("cv-unet", "cuda:1", "bf16", 4, 0.0, require_gpu=True, threads=2)
    assert settings.limits == config.Limits(50.0, 10.0, 3, 9.0, 60.0)
    assert (settings.retry.first_seconds, settings.retry.cap_seconds, settings.retry.give_up_minutes) == (
        1,
        2,
        0,
    )
    assert (settings.stop_seconds, settings.log) == (5, config.Log("json", "debug"))


def test_an_empty_group_means_its_defaults() -> None:
    assert parsed("watch:\nengine:\n  # device: cpu\npresets:\n") == parsed()


def test_relative_paths_go_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = "output_dir: out\nstate_dir: ../state\nhot_folders: [{path: ./in/}]"
    settings = parsed(text=text, where=tmp_path / "conf" / "config.yaml")
    assert settings.output_dir == tmp_path / "conf" / "out"
    assert settings.state_dir == tmp_path / "state"
    assert settings.hot_folders[0].path == tmp_path / "conf" / "in"


def test_the_home_folder_can_be_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parsed(text=BASE.replace("/srv/in", "~/in")).hot_folders[0].path == Path("/home/somebody/in")


def test_folder_settings_go_over_the_preset_and_presets_over_what_they_are_like() -> None:
    settings = parsed(
        """    preset: shop
    settings: {feather: 2, background: "#438edb"}
presets:
  shop: {like: house, threshold: 30}
  house: {like: product, format: webp}
""",
    )
    (folder,) = settings.hot_folders
    assert settings.presets["house"] == replace(BUILT_IN["product"], format="webp")
    assert settings.presets["shop"] == replace(BUILT_IN["product"], format="webp", threshold=30)
    assert folder.recipe == replace(settings.presets["shop"], feather=2.0, background="#438edb")
    assert folder.recipe_hash == recipe_hash(folder.recipe, "cv-unet")


def test_further_outputs_have_recipes_and_endings_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "studio.jpg").write_bytes(b"a picture")
    text = (
        BASE
        + """    settings: {matte_file: true}
    also:
      - preset: marketplace
      - {preset: shop, suffix: "@web", settings: {background: studio.jpg}}
presets: {shop: {format: webp}}
"""
    )
    settings = parsed(text=text, where=tmp_path / "mattingd.yaml")
    (folder,) = settings.hot_folders
    pin = Pin(str(tmp_path / "studio.jpg"), hashlib.sha256(b"a picture").hexdigest())
    shop = replace(settings.presets["shop"], background=str(pin))
    assert folder.recipes == (Preset(matte_file=True), BUILT_IN["marketplace"], shop)
    assert folder.endings == (".png", "_matte.png", "_marketplace.jpg", "@web.webp")
    assert settings.backgrounds == {"background of hot folder in, output 3": pin}
    assert folder.recipe_hash == recipe_hash(folder.recipe, "cv-unet", folder.recipes[1:])
    assert folder.recipe_hash != recipe_hash(folder.recipe, "cv-unet")
    assert (folder.preset_names, folder.formats) == ("transparent + marketplace + shop", "png + jpeg + webp")


def test_a_background_picture_goes_from_the_configuration_and_is_pinned_by_its_content(
    tmp_path: Path,
) -> None:
    """Also one that a preset brings along; one that is not there is told when the disk is asked."""
    (tmp_path / "studio.jpg").write_bytes(b"a picture")
    text = BASE + "    preset: shop\npresets: {shop: {background: studio.jpg, format: jpeg}}\n"
    settings = parsed(text=text, where=tmp_path / "mattingd.yaml")
    path, content = str(tmp_path / "studio.jpg"), hashlib.sha256(b"a picture").hexdigest()
    assert settings.presets["shop"].background == path
    assert settings.hot_folders[0].recipe.background == f"{path}#sha256={content}"
    assert settings.backgrounds == {"background of hot folder in": Pin(path, content)}
    (tmp_path / "studio.jpg").unlink()
    (folder,) = parsed(text=text, where=tmp_path / "mattingd.yaml").hot_folders
    assert folder.recipe.background == path


def test_a_folder_keeps_the_name_it_was_given_when_it_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "products").symlink_to("real")
    (folder,) = parsed(text=BASE.replace("/srv/in", str(tmp_path / "products"))).hot_folders
    assert (folder.name, folder.path) == ("products", tmp_path / "real")


def test_settings_reach_a_child_process_unchanged() -> None:
    settings = parsed('    settings: {background: "#000000"}\n')
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 (our own bytes)


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError):
        parsed().stop_seconds = 1.0  # type: ignore[misc]


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_is_loaded_byte_order_mark_and_all(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert config.load(tmp_path / "config.yaml").output_dir == Path("/srv/out")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(config.ConfigError) as caught:
            config.load(path)
        assert caught.value.lines == (f"{path}: cannot be read: {reason}",)


def test_the_example_file_is_what_the_code_declares() -> None:
    shipped = Path(__file__).parents[2] / "config.example.yaml"
    assert shipped.read_text(encoding="utf-8") == config.example(), "run `make example`"


def test_the_example_loads_and_equals_the_defaults() -> None:
    example, plain = parsed(text=config.example()), parsed()
    for name in Common.__dataclass_fields__:
        assert getattr(example, name) == getattr(plain, name), name
    assert example.hot_folders == plain.hot_folders or example.hot_folders[0].recipe == Preset()
    assert example.presets["house-style"] == Preset()


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=20)


@given(NAMES, NAMES, NAMES)
def test_a_first_file_holds_any_path(out: str, hot: str, state: str) -> None:
    paths = (f"/srv/1/{out}", f"/srv/2/{hot}/in", f"/srv/3/{state}")
    settings = parsed(text=config.init_text(paths[0], paths[1], paths[2]))
    found = (settings.output_dir, settings.hot_folders[0].path, settings.state_dir)
    assert found == tuple(Path(os.path.realpath(path)) for path in paths)


def test_a_first_file_cannot_hold_bytes_that_are_no_text() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        config.init_text("/srv/\udcff", "/srv/in", "/srv/state")
