"""`make bench-rembg`: the same pictures through `rembg p` and through `mattingd process`, in one run.

rembg comes from PyPI into an environment of its own (`build/rembg`, made when it is not there). Its network
has random weights, which cost the same as trained ones; no model is downloaded. Both programs may use all
cores, and start and end of both are counted. Which stage limits ours is told by its journal.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mattingd.cli.commands.process import STATE
from mattingd.journal import reading
from mattingd.runtime.launch import JOURNAL
from tests.bench import end_to_end, photographs
from tests.bench.timing import Cost

REQUIREMENTS = ("rembg[cpu,cli]==2.0.86", "onnx")
ENVIRONMENT = Path("build") / "rembg"


@dataclass(frozen=True, slots=True)
class Match:
    """One comparison: so many pictures of this size, and what multiple of rembg's rate is wanted."""

    pictures: int
    width: int
    height: int
    wanted: float


MATCHES = (Match(40, 2000, 1500, 5), Match(24, 5656, 4242, 8))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure mattingd beside rembg on this machine.")
    parser.add_argument("--pictures", type=int, help="of each size, instead of 40 and 24")
    count = parser.parse_args().pictures
    prepare()
    for match in MATCHES:
        play(match if count is None else replace(match, pictures=count))


@dataclass(frozen=True, slots=True)
class Rate:
    """What a program does once it runs: `whole` is the run of all pictures, `first` that of a single one."""

    whole: Cost
    first: Cost

    @property
    def pictures_per_second(self) -> float:
        """Of the pictures after the first: what starting costs is in neither."""
        return (self.whole.pictures - 1) / (self.whole.seconds - self.first.seconds)


def play(match: Match) -> None:
    """One comparison, measured and printed."""
    with tempfile.TemporaryDirectory(dir=ENVIRONMENT, prefix="run-") as folder:
        place = Path(folder)
        photographs.make(place / "in", match.pictures, match.width, match.height)
        photographs.make(place / "one", 1, match.width, match.height)
        measure_rembg(place / "one", place / "rembg-warm")  # what it compiles, it compiles once
        first = measure_rembg(place / "one", place / "rembg-one")
        theirs = Rate(measure_rembg(place / "in", place / "rembg"), first)
        first = end_to_end.measure(place / "one", place / "mattingd-one")
        ours = Rate(end_to_end.measure(place / "in", place / "mattingd"), first)
        stages = limiting(place / "mattingd")
    Console(highlight=False).print(table(match, theirs, ours), stages, "", sep="\n", soft_wrap=True)


def limiting(output: Path) -> str:
    """Which stage most of the work of mattingd was spent on, by its journal."""
    with reading(output / STATE / JOURNAL) as ledger:
        spent = [asdict(record.spent) for record in ledger.all()]
    mean = {stage: sum(each[stage] or 0 for each in spent) / len(spent) for stage in spent[0]}
    told = ", ".join(f"{stage} {seconds * 1000:.0f} ms" for stage, seconds in mean.items())
    return f"mattingd's stages, each picture: {told}. Limiting: {max(mean, key=lambda stage: mean[stage])}."


def prepare() -> None:
    """Install rembg and make its network, unless that was done before."""
    python = ENVIRONMENT / "bin" / "python"
    model = ENVIRONMENT / "models" / "u2netp.onnx"
    if not (ENVIRONMENT / "bin" / "rembg").exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    if not model.exists():
        subprocess.run([python, Path(__file__).with_name("u2netp.py"), model], check=True)


def measure_rembg(pictures: Path, output: Path) -> Cost:
    """Cut out a folder of pictures with rembg.

    Raises:
        RuntimeError: a cut-out is missing.
    """
    home = {"U2NET_HOME": str((ENVIRONMENT / "models").resolve()), "MODEL_CHECKSUM_DISABLED": "1"}
    command = [str(ENVIRONMENT / "bin" / "rembg"), "p", "-m", "u2netp", str(pictures), str(output)]
    return end_to_end.timed(command, pictures, output, {**os.environ, **home})


def table(match: Match, theirs: Rate, ours: Rate) -> Table:
    """Both, and the ratio of what they do once they run."""
    shown = Table(title=f"JPEGs of {match.width} x {match.height} px", title_justify="left", show_edge=False)
    shown.add_column(no_wrap=True)
    for name in ("count", "seconds", "of one", "CPU ms each", "running, per second", "ratio", "wanted"):
        shown.add_column(name, justify="right")
    for name, rate in (("rembg p", theirs), ("mattingd process", ours)):
        shown.add_row(
            name,
            str(rate.whole.pictures),
            f"{rate.whole.seconds:.1f}",
            f"{rate.first.seconds:.1f}",
            f"{rate.whole.each * 1000:.0f}",
            f"{rate.pictures_per_second:.2f}",
            f"{rate.pictures_per_second / theirs.pictures_per_second:.1f} x",
            f"{match.wanted:g} x" if rate is ours else "",
        )
    return shown


if __name__ == "__main__":
    main()
