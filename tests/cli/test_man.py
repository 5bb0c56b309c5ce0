"""The manual page and the shell's completion: of the same declarations as the help texts."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mattingd.cli import app
from mattingd.cli.commands.man import exit_codes, page
from mattingd.domain.exit_codes import ExitCode
from tests.cli.cli_reference import verbs
from tests.cli.conftest import Say, on_terminal


def plain(text: str) -> str:
    """Without overstriking and colours, and with single spaces."""
    return " ".join(re.sub(r".\x08|\x1b\[[\d;]*m", "", text).split())


def test_the_page_holds_every_command_option_and_exit_code(say: Say) -> None:
    source = say("man").out
    told = source.replace("\\-", "-")
    for verb in verbs()[1:]:
        assert f'.SS "mattingd {verb} ' in told
    for words in ("-o, --output FOLDER", "--since TIME", "--version", "MATTINGD_CONFIG", "checkpoint.db"):
        assert words in told
    for code in ExitCode:
        assert f".B {code.value}\n{exit_codes()[code.value]}" in told


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_roff_has_nothing_to_complain_of() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww"], input=page(app), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    shown = plain(done.stdout)
    assert "mattingd - drop pictures into a folder; their cut-outs appear in dated folders" in shown
    assert "78 The configuration is wrong." in shown
    assert "Default: $MATTINGD_CONFIG, or the first that exists of ./config.yaml" in shown


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_on_a_terminal_the_page_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANPAGER", "cat")
    code, shown = on_terminal("man", cwd=tmp_path)
    assert code == 0
    assert "EXIT STATUS" in plain(shown)


# --- completion ---


@pytest.fixture
def offered(tmp_path: Path) -> Callable[[str], list[str]]:
    """What bash offers at the end of a line, with the script that the program gives it."""
    program = tmp_path / "bin" / "mattingd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mattingd "$@"\n')
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    asked = os.environ | path | {"_MATTINGD_COMPLETE": "source_bash"}
    script = subprocess.run(["mattingd"], env=asked, capture_output=True, text=True, check=True).stdout

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        cases = " ".join(f"'{word}'" for word in words)
        bash = (
            f"{script}\nCOMP_WORDS=({cases}); COMP_CWORD={len(words) - 1}\n"
            '_mattingd_completion mattingd\nprintf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "-c", bash],
            env=os.environ | path,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.split()

    return ask


def test_bash_offers_commands_options_and_values(offered: Callable[[str], list[str]], say: Say) -> None:
    assert offered("mattingd st") == ["status"]
    assert offered("mattingd history --si") == ["--since"]
    assert offered("mattingd process --preset pro") == ["product"]
    assert say("init", "--hot-folder", "shoes").code == 0
    assert offered("mattingd history --folder ") == ["shoes"]
    assert offered("mattingd models reload cv") == ["cv-unet"]


@pytest.mark.parametrize(
    ("shell", "says"), [("zsh", "#compdef mattingd"), ("fish", "complete --command mattingd")]
)
def test_other_shells_get_their_script(shell: str, says: str) -> None:
    asked = os.environ | {"_MATTINGD_COMPLETE": f"source_{shell}"}
    command = [sys.executable, "-m", "mattingd"]
    done = subprocess.run(command, env=asked, capture_output=True, text=True, check=True)
    assert says in done.stdout
