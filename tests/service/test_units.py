"""The files of the service: what they say for which configuration, and what systemd says of them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mattingd.config import Settings, parse
from mattingd.domain.exit_codes import ExitCode
from mattingd.systemd import units
from mattingd.systemd.units import Machine, argument, mount_unit, rendered, word
from tests.cli.conftest import here

ROOT = Path(__file__).parents[2]
MOUNTS = "22 1 8:1 / / rw - ext4 /dev/a rw\n23 22 0:9 / /srv/share\\040a rw - cifs //nas/a rw\n"
FSTAB = "# a comment\n/dev/b /data ext4 defaults 0 2\n"
HERE = Machine(
    "mattingd", program=("/opt/mattingd/bin/python", "-m", "mattingd"), mountinfo=MOUNTS, fstab=FSTAB
)
CONFIG = Path("/etc/mattingd/config.yaml")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def settings(*hot: str, output: str = "/srv/out", state: str = "/var/lib/mattingd", **more: Any) -> Settings:
    folders = [{"path": path, "name": f"in{number}"} for number, path in enumerate(hot or ("/srv/in",))]
    document = {"output_dir": output, "state_dir": state, "hot_folders": folders} | more
    return parse(json.dumps(document), CONFIG, mountinfo="")


def unit(of: Settings, machine: Machine = HERE) -> dict[str, list[str]]:
    """The settings of the rendered service, each with its values in order."""
    texts = rendered(of, CONFIG, machine)
    text = next(text for place, text in texts.items() if place.endswith(f"/{units.SERVICE}"))
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_it_may_write_what_the_configuration_says_and_nothing_else() -> None:
    found = unit(settings("/srv/in", "/data/in", output="/data/cut outs", state="/srv/state"))
    assert found["ReadWritePaths"] == ['"-/data/cut outs" -/srv/state']
    assert found["ProtectSystem"] == ["strict"]
    assert "StateDirectory" not in found
    emptied = [{"path": "/srv/a"}, {"path": "/srv/b", "originals": "archive"}]
    found = unit(settings(hot_folders=emptied, archive_dir="/srv/originals"))
    assert found["ReadWritePaths"] == ["-/srv/out -/var/lib/mattingd -/srv/originals -/srv/b"]
    assert unit(settings(state="/var/lib/a/b"))["StateDirectory"] == ["a/b"]


def test_the_journal_needs_its_disk_and_a_share_is_only_wanted() -> None:
    of = settings("/srv/share a/in", "/data/in")
    found = unit(of)
    assert found["RequiresMountsFor"] == ["/var/lib/mattingd"]
    assert found["Wants"] == [r"data.mount srv-share\x20a.mount"]
    assert found["After"] == ["local-fs.target remote-fs.target", r"data.mount srv-share\x20a.mount"]
    newer = unit(of, Machine("mattingd", mountinfo=MOUNTS, fstab=FSTAB, version=256))
    assert newer["WantsMountsFor"] == ['/srv/out "/srv/share a/in" /data/in']
    assert "Wants" not in newer
    assert "Wants" not in unit(settings())


@pytest.mark.parametrize(
    ("of", "home", "tmp"),
    [
        (settings(), "yes", "yes"),
        (settings("/home/anna/in"), "read-only", "yes"),
        (settings(output="/tmp/out"), "yes", "no"),  # noqa: S108 - a name
        (settings(state="/root/state", output="/var/tmp/out"), "read-only", "no"),  # noqa: S108 - a name
    ],
)
def test_homes_and_tmp_are_hidden_unless_they_are_needed(of: Settings, home: str, tmp: str) -> None:
    found = unit(of)
    assert (found["ProtectHome"], found["PrivateTmp"]) == ([home], [tmp])


def test_a_background_in_a_home_is_seen_and_its_mount_wanted() -> None:
    found = unit(settings(presets={"shop": {"background": "/home/anna/studio.jpg"}}))
    assert found["ProtectHome"] == ["yes"], "no folder uses it"
    shop = {"path": "/srv/in", "settings": {"background": "/home/anna/studio.jpg"}}
    document = {"output_dir": "/srv/out", "state_dir": "/var/lib/mattingd", "hot_folders": [shop]}
    found = unit(parse(json.dumps(document), CONFIG, mountinfo=""))
    assert found["ProtectHome"] == ["read-only"]


def test_a_program_in_a_home_stays_visible() -> None:
    assert unit(settings(), Machine("mattingd", needs=(Path("/home/a/.venv"),)))["ProtectHome"] == [
        "read-only"
    ]


def test_there_is_no_network_unless_figures_are_offered() -> None:
    assert unit(settings())["PrivateNetwork"] == ["yes"]
    assert unit(settings())["RestrictAddressFamilies"] == ["AF_UNIX"]
    open_port = unit(settings(metrics={"port": 9177}))
    assert open_port["PrivateNetwork"] == ["no"]
    assert open_port["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]
    assert (open_port["IPAddressDeny"], open_port["IPAddressAllow"]) == (["any"], ["localhost"])


@pytest.mark.parametrize(
    ("web", "reached"),
    [
        ({"listen": "127.0.0.1:7860"}, "localhost"),
        ({"listen": "[::1]:7860"}, "localhost"),
        ({"listen": "0.0.0.0:7860", "token_file": "/etc/mattingd/tokens"}, "any"),
        ({"listen": "127.0.0.1:7860", "callback_hosts": ["shop.example"]}, "any"),
    ],
)
def test_the_page_reaches_as_far_as_it_is_offered(web: dict[str, object], reached: str) -> None:
    with_page = unit(settings(web=web))
    assert with_page["PrivateNetwork"] == ["no"]
    assert with_page["IPAddressAllow"] == [reached]


def test_only_groups_that_exist_are_joined() -> None:
    """One that does not would keep the service from starting."""
    assert "SupplementaryGroups" not in unit(settings())
    some = Machine("mattingd", groups=frozenset({"render", "audio"}))
    assert unit(settings(), some)["SupplementaryGroups"] == ["render"]


def test_the_graphics_card_is_visible_and_its_driver_is_loaded_where_there_is_one() -> None:
    found = unit(settings(), Machine("mattingd", nvidia_modprobe="/usr/bin/nvidia-modprobe"))
    assert found["ExecStartPre"] == ["+-/usr/bin/nvidia-modprobe -c 0 -u"]
    assert "ExecStartPre" not in unit(settings())
    assert {"char-nvidia rw", "char-nvidia-frontend rw", "char-nvidia-uvm rw"} <= set(found["DeviceAllow"])
    assert not {"PrivateDevices", "MemoryDenyWriteExecute", "ProcSubset"} & found.keys()


def test_a_stop_takes_longer_than_the_daemon_gives_itself() -> None:
    assert unit(settings(stop_seconds=99.5))["TimeoutStopSec"] == ["130s"]


def test_exit_codes_that_only_a_person_can_help_with_are_not_tried_again() -> None:
    codes = {int(code) for code in unit(settings())["RestartPreventExitStatus"][0].split()}
    assert codes == {ExitCode.USAGE, ExitCode.CONFIG}


def test_a_service_of_ones_own_has_no_user_and_no_rights_of_root() -> None:
    found = unit(settings(), Machine(None))
    assert found["WantedBy"] == ["default.target"]
    assert not {"User", "Group", "AmbientCapabilities", "ProtectSystem", "ExecStartPre"} & found.keys()
    assert found["NoNewPrivileges"] == ["yes"]
    assert set(rendered(settings(), CONFIG, Machine(None))) == set(units.places(system=False))


def test_user_and_folders_are_made_and_what_is_there_is_left() -> None:
    texts = rendered(settings(output="/srv/share a/out"), CONFIG, Machine("anna", "design", mountinfo=MOUNTS))
    assert set(texts) == set(units.places(system=True))
    users, folders = (texts[f"etc/{name}/mattingd.conf"] for name in ("sysusers.d", "tmpfiles.d"))
    assert 'u anna - "mattingd, cut-outs" /var/lib/mattingd\ng design -\n' in users
    assert "d /var/lib/mattingd :0750 :anna :design" in folders
    assert "share" not in folders, "nothing is made where a share may be missing"
    on_disk = rendered(settings(output="/data/out", state="/data/state"), CONFIG, HERE)
    assert "/data" not in on_disk["etc/tmpfiles.d/mattingd.conf"], "nor where a disk may be"
    assert "\ng " not in rendered(settings(), CONFIG, HERE)["etc/sysusers.d/mattingd.conf"]


def test_every_setting_is_explained() -> None:
    """A block begins with its reason; nothing of the template's own signs is left."""
    for machine in (HERE, Machine(None)):
        for place, text in rendered(settings(), CONFIG, machine).items():
            assert text.startswith(units.WRITTEN_BY_US)
            assert not re.search(r"^@|@[a-z_]+@", text, re.MULTILINE), place
            if place.endswith(units.SERVICE):
                blocks = [re.sub(r"^\[\w+\]\n", "", block) for block in text.strip().split("\n\n")]
                bare = [block for block in blocks if not block.startswith("#")]
                assert [block.partition("=")[0] for block in bare] == ["Description", "WantedBy"]


@pytest.mark.parametrize(
    ("text", "as_word", "as_argument"),
    [
        ("/srv/in", "/srv/in", "/srv/in"),
        ("/a b", '"/a b"', '"/a b"'),
        ("/50%", "/50%%", "/50%%"),
        ('/"$x"', '"/\\"$x\\""', '"/\\"$$x\\""'),
        ("/b\\ü\n", '"/b\\\\ü\\x0a"', '"/b\\\\ü\\x0a"'),
    ],
)
def test_paths_of_any_kind_stay_one_word(text: str, as_word: str, as_argument: str) -> None:
    assert (word(text), argument(text)) == (as_word, as_argument)


@needs_systemd
@pytest.mark.parametrize("path", ["/srv/matting", "/srv/a-b/c d", "/.hidden/ü/x:y_z", "/data"])
def test_mounts_are_called_as_systemd_calls_them(path: str) -> None:
    command = ["systemd-escape", "--path", "--suffix=mount", path]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert mount_unit(Path(path)) == told


# --- systemd's own tools ---


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """All files for a configuration in a root of its own, put there by the command."""
    (tmp_path / "config.yaml").write_text(
        "output_dir: /srv/matting/cut outs\nstate_dir: /var/lib/mattingd\nmetrics: {port: 9177}\n"
        "hot_folders: [{path: /srv/matting/50%}, {path: '/home/anna/in $put'}]\n"
    )
    root = tmp_path / "root"
    answer = here("service", "install", "--config", tmp_path / "config.yaml", "--root", root)
    assert answer.code == 0, answer.err
    assert answer.out.count("wrote    ") == len(units.places(system=True))
    return root


@needs_systemd
@pytest.mark.parametrize("user", [False, True])
def test_systemd_has_nothing_to_say_against_them(installed: Path, user: bool, tmp_path: Path) -> None:  # noqa: FBT001
    folder = installed / "etc/systemd/system"
    if user:
        config = ("--config", tmp_path / "config.yaml", "--root", tmp_path)
        assert here("service", "install", "--user", *config).code == 0
        folder = tmp_path / "systemd/user"
    paths = [str(folder / name.replace("@", "@night")) for name in units._UNITS]
    command = ["systemd-analyze", *(["--user"] if user else []), "verify", *paths]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize(("name", "most"), [("mattingd.service", 2.0), ("mattingd-process@.service", 2.5)])
def test_they_are_hardened_also_where_homes_and_the_network_are_needed(
    installed: Path, name: str, most: float
) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(installed / "etc/systemd/system" / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (exposure,) = re.findall(r"Overall exposure level for .+: ([\d.]+)", done.stdout)
    assert float(exposure) <= most, done.stdout


@needs_systemd
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make users and folders of others")
def test_user_and_folders_are_made_by_systemds_own_tools(installed: Path) -> None:
    """In a root of its own, where nothing is yet."""
    for tool in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        subprocess.run([*tool, f"--root={installed}", "mattingd.conf"], capture_output=True, check=True)
    (user,) = (installed / "etc/passwd").read_text().splitlines()
    name, _, number, _, about, home, _ = user.split(":")
    assert (name, about, home) == ("mattingd", "mattingd, cut-outs", "/var/lib/mattingd")
    made = [(installed / place).stat() for place in ("var/lib/mattingd", "srv/matting/cut outs")]
    assert [(each.st_uid, each.st_mode & 0o7777) for each in made] == [
        (int(number), 0o750),
        (int(number), 0o2775),
    ]


# --- the verb ---


def test_print_shows_the_unit_and_json_all_files(installed: Path, tmp_path: Path) -> None:
    config = ("--config", tmp_path / "config.yaml")
    printed = here("service", "print", *config).out
    assert printed == (installed / "etc/systemd/system/mattingd.service").read_text()
    texts = here("service", "print", "--json", *config).json
    assert set(texts) == {f"/{place}" for place in units.places(system=True)}
    everything = here("service", "print", "--all", *config).out
    assert all(text in everything and f"# --- {place} ---" in everything for place, text in texts.items())


def test_a_file_of_somebody_else_is_neither_replaced_nor_removed(installed: Path, tmp_path: Path) -> None:
    theirs = installed / "etc/systemd/system/mattingd.service"
    theirs.write_text("[Unit]\nDescription=mine\n")
    answer = here("service", "install", "--config", tmp_path / "config.yaml", "--root", installed)
    assert answer.code == 2
    assert f"{theirs} is there and was not written by `mattingd service install`" in answer.err
    said = here("service", "uninstall", "--root", installed)
    assert f"left     {theirs}: it was not written by `mattingd service install`" in said.out
    assert [path for path in installed.rglob("*") if path.is_file()] == [theirs]


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_without_systemd_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "config.yaml").write_text("output_dir: out\nstate_dir: state\nhot_folders: [{path: in}]\n")
    answer = here("service", "install", "--user", "--config", tmp_path / "config.yaml")
    assert answer.code == 2
    assert answer.err.startswith("mattingd: systemd does not run this machine: nothing was written.")
    assert not (tmp_path / "home").exists()


def test_without_root_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (tmp_path / "config.yaml").write_text("output_dir: out\nstate_dir: state\nhot_folders: [{path: in}]\n")
    answer = here("service", "install", "--config", tmp_path / "config.yaml")
    assert answer.code == 2
    assert "is for root to install: try it with sudo, or `mattingd service install --user`" in answer.err
